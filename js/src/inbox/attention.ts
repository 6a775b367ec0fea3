/**
 * Calls a person back to the page: a desktop notification and a sound, both opt-in.
 *
 * `notifications.ts` decides; this module watches the client and calls the browser's interfaces.
 * The inbox page and the lab extension use it.
 */
import type { Client } from "../client/client";
import { callsFor, type Known, newsOf } from "./notifications";
import { readPreferences } from "./preferences";

/** Where a click on a notification leads. */
export type Open = (requestId: string) => void;

/** Watch the client; returns how to stop. */
export function watchForNews(client: Client, open: Open): () => void {
  let known: Known = null;
  const look = () => {
    if (known === null && client.connection.phase !== "live") return;
    const pending = client.all().filter(({ status }) => status === "pending");
    const news = newsOf(known, pending);
    known = new Map(pending.map((request) => [request.required.request_id, request] as const));
    const looking = document.visibilityState === "visible" && document.hasFocus();
    const calls = callsFor(news, readPreferences(), new Date(), looking);
    if (calls.sound) playSound();
    const id = news.fresh[0] ?? news.reminded[0];
    if (calls.notification !== null && id !== undefined) void notify(calls.notification, id, open);
  };
  look();
  return client.subscribe(look);
}

/** Ask for permission to show notifications; call it from a click. */
export async function askToNotify(): Promise<NotificationPermission> {
  if (!("Notification" in globalThis)) return "denied";
  return Notification.permission === "default"
    ? Notification.requestPermission()
    : Notification.permission;
}

async function notify(words: string, requestId: string, open: Open): Promise<void> {
  if (!("Notification" in globalThis) || Notification.permission !== "granted") return;
  // The same question in several tabs is one notification.
  const options = { tag: `crewai-hitl/${requestId}`, data: { request: requestId } };
  // Browsers on phones take notifications from a service worker only.
  const worker = await navigator.serviceWorker?.getRegistration();
  if (worker?.active && document.body.dataset.prefix !== undefined) {
    await worker.showNotification(words, options);
    return;
  }
  const notification = new Notification(words, options);
  notification.onclick = () => {
    window.focus();
    open(requestId);
    notification.close();
  };
}

/** Play two short tones, unless nobody has used the page yet: browsers forbid sound then. */
export function playSound(): void {
  if (navigator.userActivation?.hasBeenActive === false) return;
  const audio = new AudioContext();
  for (const [at, frequency] of [
    [0, 660],
    [0.16, 880],
  ] as const) {
    const tone = audio.createOscillator();
    const volume = audio.createGain();
    tone.frequency.value = frequency;
    volume.gain.setValueAtTime(0.0001, audio.currentTime + at);
    volume.gain.exponentialRampToValueAtTime(0.12, audio.currentTime + at + 0.02);
    volume.gain.exponentialRampToValueAtTime(0.0001, audio.currentTime + at + 0.15);
    tone.connect(volume).connect(audio.destination);
    tone.start(audio.currentTime + at);
    tone.stop(audio.currentTime + at + 0.16);
    tone.onended = () => {
      if (at > 0) void audio.close();
    };
  }
}
