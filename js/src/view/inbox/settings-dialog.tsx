/** The settings of this browser; every change applies at once. */
import { useState } from "preact/hooks";
import { askToNotify, playSound } from "../../inbox/attention";
import {
  MOST_UNDO_SECONDS,
  type Preferences,
  readPreferences,
  writePreferences,
} from "../../inbox/preferences";
import { Dialog } from "./dialog";

export function SettingsDialog({ onClose }: { readonly onClose: () => void }) {
  const [preferences, setPreferences] = useState(readPreferences);
  const [refused, setRefused] = useState<string | null>(null);
  const change = (part: Partial<Preferences>) => {
    const next = { ...preferences, ...part };
    setPreferences(next);
    if (!writePreferences(next)) setRefused("This browser does not save settings for this page.");
  };
  return (
    <Dialog title="Settings" testId="hitl-settings" onClose={onClose}>
      <div class="chitl-settings">
        <Alerts preferences={preferences} change={change} onRefused={setRefused} />
        <QuietHours preferences={preferences} change={change} />
        <UndoTime preferences={preferences} change={change} />
        {refused !== null && (
          <p class="chitl-error" role="alert">
            {refused}
          </p>
        )}
        <p class="chitl-note">
          These settings apply to this browser. Notifications never show the question.
        </p>
      </div>
    </Dialog>
  );
}

interface PartProps {
  readonly preferences: Preferences;
  readonly change: (part: Partial<Preferences>) => void;
}

function Alerts({
  preferences,
  change,
  onRefused,
}: PartProps & { readonly onRefused: (why: string | null) => void }) {
  const notify = async (on: boolean) => {
    onRefused(null);
    if (on && (await askToNotify()) !== "granted") {
      change({ notifications: false });
      onRefused("Notifications are blocked for this page. Allow them in the browser's settings.");
      return;
    }
    change({ notifications: on });
  };
  return (
    <>
      <Switch
        testId="hitl-set-notifications"
        label="Desktop notification when a crew asks"
        on={preferences.notifications}
        onChange={(on) => void notify(on)}
      />
      <Switch
        testId="hitl-set-sound"
        label="Sound when a crew asks"
        on={preferences.sound}
        onChange={(on) => {
          change({ sound: on });
          if (on) playSound();
        }}
      />
    </>
  );
}

function QuietHours({ preferences, change }: PartProps) {
  const { quietFrom, quietTo } = preferences;
  const on = quietFrom !== "" && quietTo !== "";
  return (
    <>
      <Switch
        testId="hitl-set-quiet"
        label="Quiet hours"
        on={on}
        onChange={(wanted) =>
          change(wanted ? { quietFrom: "22:00", quietTo: "07:00" } : { quietFrom: "", quietTo: "" })
        }
      />
      {on && (
        <p class="chitl-hours">
          <label>
            from{" "}
            <input
              type="time"
              required
              data-testid="hitl-set-quiet-from"
              value={quietFrom}
              onChange={(event) => change({ quietFrom: event.currentTarget.value || quietFrom })}
            />
          </label>{" "}
          <label>
            to{" "}
            <input
              type="time"
              required
              data-testid="hitl-set-quiet-to"
              value={quietTo}
              onChange={(event) => change({ quietTo: event.currentTarget.value || quietTo })}
            />
          </label>
        </p>
      )}
    </>
  );
}

function UndoTime({ preferences, change }: PartProps) {
  return (
    <label class="chitl-undo-time">
      <span>Seconds to undo an approval or an outcome (0 turns it off)</span>
      <input
        type="number"
        min={0}
        max={MOST_UNDO_SECONDS}
        data-testid="hitl-set-undo"
        value={preferences.undoSeconds}
        onChange={(event) => {
          const seconds = event.currentTarget.valueAsNumber;
          if (seconds >= 0) change({ undoSeconds: Math.min(seconds, MOST_UNDO_SECONDS) });
        }}
      />
    </label>
  );
}

interface SwitchProps {
  readonly testId: string;
  readonly label: string;
  readonly on: boolean;
  readonly onChange: (on: boolean) => void;
}

function Switch({ testId, label, on, onChange }: SwitchProps) {
  return (
    <label class="chitl-switch">
      <input
        type="checkbox"
        data-testid={testId}
        checked={on}
        onChange={(event) => onChange(event.currentTarget.checked)}
      />
      <span>{label}</span>
    </label>
  );
}
