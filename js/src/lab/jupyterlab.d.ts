/**
 * The part of JupyterLab's packages that the lab extension uses.
 *
 * At run time they are the application's own, which the builder shares as singletons. Their types
 * are declared here because installing them takes some 350 MB. The browser tests check each
 * declaration against JupyterLab and Notebook.
 */
declare module "@jupyterlab/application" {
  import type { CommandRegistry } from "@lumino/commands";
  import type { Token } from "@lumino/coreutils";
  import type { Widget } from "@lumino/widgets";

  export interface JupyterFrontEnd {
    readonly commands: CommandRegistry;
    readonly restored: Promise<unknown>;
    readonly shell: {
      add(widget: Widget, area: string, options: { rank: number }): void;
      activateById(id: string): void;
      /** Only in JupyterLab: opens a collapsed side area. */
      expandRight?(): void;
      expandLeft?(): void;
    };
    readonly serviceManager: {
      readonly sessions: {
        running(): Iterable<{
          readonly path: string;
          readonly kernel: { readonly id: string } | null;
        }>;
      };
    };
  }

  export interface JupyterFrontEndPlugin<T> {
    readonly id: string;
    readonly description: string;
    readonly autoStart: boolean;
    readonly requires?: readonly Token<unknown>[];
    readonly optional?: readonly Token<unknown>[];
    activate(app: JupyterFrontEnd, ...services: never[]): T | Promise<T>;
  }

  export interface ILayoutRestorer {
    add(widget: Widget, name: string): void;
  }
  export const ILayoutRestorer: Token<ILayoutRestorer>;
}

declare module "@jupyterlab/apputils" {
  import type { Token } from "@lumino/coreutils";

  export interface ICommandPalette {
    addItem(item: { command: string; category: string }): unknown;
  }
  export const ICommandPalette: Token<ICommandPalette>;

  export const Notification: { warning(message: string): string };
}

declare module "@jupyterlab/notebook" {
  import type { Token } from "@lumino/coreutils";
  import type { Widget } from "@lumino/widgets";

  interface Signal<Sender, Args> {
    connect(slot: (sender: Sender, args: Args) => void): boolean;
  }

  export interface Cell extends Widget {
    readonly model: {
      readonly id: string;
      readonly type: string;
      readonly outputs?: {
        readonly length: number;
        get(index: number): { readonly data: Readonly<Record<string, unknown>> };
        add(output: object): number;
        set(index: number, output: object): void;
        /** Later versions of JupyterLab have it. */
        remove?(index: number): void;
      };
    };
    readonly outputArea?: {
      /** Receives the outputs of a cell that this page runs. */
      readonly future: { readonly isDisposed: boolean } | null | undefined;
    };
    /** Whether the output is folded; only code cells have it. */
    outputHidden?: boolean;
  }

  export interface NotebookPanel extends Widget {
    readonly context: { readonly path: string; readonly ready: Promise<unknown> };
    readonly revealed: Promise<unknown>;
    readonly sessionContext: {
      readonly session: { readonly kernel: { readonly id: string } | null } | null;
      readonly kernelChanged: Signal<unknown, unknown>;
    };
    readonly content: Notebook;
  }

  export interface Notebook extends Widget {
    readonly widgets: readonly Cell[];
    /** Tells of every change of the cells and their outputs. */
    readonly model: { readonly contentChanged: Signal<unknown, unknown> } | null;
    activeCellIndex: number;
    scrollToItem(index: number, align: string): Promise<void>;
  }

  export const NotebookActions: {
    /** Unfold the headings above a cell. */
    expandParent(cell: Cell, notebook: Notebook): void;
  };

  export interface INotebookTracker {
    find(test: (panel: NotebookPanel) => boolean): NotebookPanel | undefined;
    forEach(visit: (panel: NotebookPanel) => void): void;
    readonly widgetAdded: Signal<unknown, NotebookPanel>;
  }
  export const INotebookTracker: Token<INotebookTracker>;
}

declare module "@jupyterlab/settingregistry" {
  import type { Token } from "@lumino/coreutils";

  export interface ISettings {
    /** The settings with the defaults of the schema. */
    readonly composite: Readonly<Record<string, unknown>>;
    /** The person's own settings. */
    readonly user: Readonly<Record<string, unknown>>;
    readonly changed: { connect(slot: () => void): boolean };
  }

  export interface ISettingRegistry {
    load(plugin: string): Promise<ISettings>;
  }
  export const ISettingRegistry: Token<ISettingRegistry>;
}

declare module "@jupyterlab/statusbar" {
  import type { Token } from "@lumino/coreutils";
  import type { Widget } from "@lumino/widgets";

  export interface IStatusBar {
    registerStatusItem(
      id: string,
      item: {
        item: Widget;
        align: "left" | "right";
        rank: number;
        priority: number;
        isActive: () => boolean;
      },
    ): unknown;
  }
  export const IStatusBar: Token<IStatusBar>;
}
