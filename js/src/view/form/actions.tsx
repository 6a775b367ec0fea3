/** The decision buttons, and Undo in their place while an answer is held. */
import type { ComponentChildren } from "preact";
import { useLayoutEffect, useRef } from "preact/hooks";
import { SEND_KEYS, SEND_WORDS } from "../keyboard";
import type { Choices, Decision, Labels } from "./choices";
import { useNameOf } from "./subject";

interface Props {
  readonly choices: Choices;
  readonly words: Labels;
  readonly editing: boolean;
  /** Whether there is something to send: text, an option, an edit. */
  readonly said: boolean;
  /** What accepting would leave unsent, for the button's text: "feedback", "changes". */
  readonly unsent: string | null;
  readonly enabled: boolean;
  /** Whether a rejection can be sent, also while something else is being sent. */
  readonly rejectable: boolean;
  /** What the buttons wait for; "" when they do not. */
  readonly waiting: string;
  readonly onDecide: (decision: Decision) => void;
  readonly onEdit: () => void;
  /** What stands behind the buttons. */
  readonly children: ComponentChildren;
}

/**
 * The buttons that decide. A draft is usually accepted, so Accept comes first and is the bright one. A
 * call that needs permission begins with Refuse and ends with Allow, which is never the bright one:
 * nobody should allow it because the button is the nearest or stands out.
 */
export function Actions(props: Props) {
  const { choices, words, editing, said, unsent, enabled, waiting, onDecide, onEdit } = props;
  const { rejectable } = props;
  const sends = editing || (choices.respond && !choices.outcomes); // an outcome button sends by itself
  const approve = choices.approve && (
    <Button
      key="approve"
      hook="hitl-accept"
      keys="a"
      primary={!said && !editing && !choices.outcomes && !words.permission}
      enabled={enabled}
      onClick={() => onDecide("approve")}
    >
      {unsent === null ? words.approve : `${words.approve} without ${unsent}`}
    </Button>
  );
  const send = sends && (
    <Button
      key="send"
      hook="hitl-send"
      keys={SEND_KEYS}
      primary={said || editing || !choices.approve}
      enabled={enabled && said}
    >
      {editing ? words.sendEdit : words.respond}
    </Button>
  );
  const edit = choices.edit !== null && (
    <Button key="edit" hook="hitl-edit" keys="e" enabled={true} pressed={editing} onClick={onEdit}>
      {editing ? "Stop editing" : words.edit}
    </Button>
  );
  const reject = choices.reject && (
    <Button
      key="reject"
      hook="hitl-reject"
      keys="x"
      enabled={rejectable}
      onClick={() => onDecide("reject")}
    >
      {words.reject}
    </Button>
  );
  return (
    <div class="chitl-actions">
      {words.permission ? [reject, edit, send, approve] : [approve, send, edit, reject]}
      {props.children}
      <span class="chitl-note" aria-live="polite">
        {waiting}
      </span>
    </div>
  );
}

interface ButtonProps {
  readonly hook: string;
  readonly keys: string;
  readonly enabled: boolean;
  readonly primary?: boolean;
  readonly pressed?: boolean;
  /** Without it the button submits the form. */
  readonly onClick?: () => void;
  readonly children: string;
}

function Button(props: ButtonProps) {
  const { hook, keys, enabled, primary = false, pressed, onClick, children } = props;
  return (
    <button
      type={onClick === undefined ? "submit" : "button"}
      class={`chitl-button${primary ? " chitl-primary" : ""}`}
      data-testid={hook}
      disabled={!enabled}
      aria-label={useNameOf(children)}
      aria-expanded={pressed}
      aria-keyshortcuts={keys}
      title={keys.length === 1 ? `Shortcut: ${keys}` : SEND_WORDS}
      onClick={onClick}
    >
      {children}
    </button>
  );
}

interface HeldProps {
  /** For how long; null until the server is back. */
  readonly ms: number | null;
  /** Whether the person has just given it, and not come back to it. */
  readonly fresh: boolean;
  /** What is being sent. */
  readonly label: string;
  readonly words: Labels;
  /** Whether the request offers rejecting, which then replaces the held answer. */
  readonly rejects: boolean;
  /** Whether it can be taken back: nothing of it has been sent. */
  readonly undoable: boolean;
  readonly onUndo: () => void;
  readonly onSendNow: () => void;
  readonly onReject: () => void;
}

/** A held answer. The second click of a double click does nothing, whatever it hits. */
export function Held(props: HeldProps) {
  const { ms, fresh, label, words, rejects, undoable, onUndo, onSendNow, onReject } = props;
  const sendNow = useRef<HTMLButtonElement>(null);
  useLayoutEffect(() => {
    if (fresh) sendNow.current?.focus({ preventScroll: true });
  }, []);
  return (
    <div
      class="chitl-actions chitl-held"
      data-testid="hitl-held"
      onClickCapture={(event) => {
        if (event.detail > 1) event.stopPropagation();
      }}
    >
      <span
        class={ms === null ? "chitl-note" : "chitl-holding"}
        style={ms === null ? undefined : { "--chitl-hold": `${ms}ms` }}
        role={ms === null ? "status" : undefined}
      >
        <bdi>{label}</bdi>
      </span>
      {undoable && <Undo onUndo={onUndo} />}
      {ms !== null && (
        <button
          ref={sendNow}
          type="button"
          class={`chitl-button${words.permission ? "" : " chitl-primary"}`}
          data-testid="hitl-send-now"
          aria-label={useNameOf("Send now")}
          aria-keyshortcuts={SEND_KEYS}
          title="Enter"
          onKeyDown={(event) => {
            if (event.repeat && event.key === "Enter") event.preventDefault(); // still held down
          }}
          onClick={onSendNow}
        >
          Send now
        </button>
      )}
      {rejects && (
        <Button hook="hitl-reject" keys="x" enabled={true} onClick={onReject}>
          {words.reject}
        </Button>
      )}
    </div>
  );
}

function Undo({ onUndo }: Pick<HeldProps, "onUndo">) {
  return (
    <button
      type="button"
      class="chitl-button"
      data-testid="hitl-undo"
      aria-label={useNameOf("Undo")}
      aria-keyshortcuts="Escape"
      title="Shortcut: Esc"
      onClick={onUndo}
    >
      Undo
    </button>
  );
}
