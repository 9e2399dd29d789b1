/** Silence in a room from the event of a pause on.
 *
 * What the agent sent before it paused waits in the browser's jitter buffer for another 60 to 70 ms,
 * and the event does not. The agent is told (`silent_at_pause`), and says again what was not heard.
 */

/** How long the sound of a reply that was cut short may still come. */
const TAIL_MS = 200;

export class Mute {
  private isOn = false;
  private timer: ReturnType<typeof setTimeout> | undefined;

  /** `apply` is called with whether nothing is to be heard, at each change. */
  constructor(private readonly apply: (silent: boolean) => void) {}

  /** Follows one event of the agent by its type. */
  take(kind: string): void {
    if (kind === "vdx.playout.paused") this.set(true);
    else if (kind === "vdx.playout.resumed" || kind === "vdx.reply.started") this.set(false);
    else if (kind === "vdx.reply.ended" && this.isOn) {
      clearTimeout(this.timer);
      this.timer = setTimeout(() => this.set(false), TAIL_MS);
    }
  }

  stop(): void {
    clearTimeout(this.timer);
  }

  private set(silent: boolean): void {
    clearTimeout(this.timer);
    if (silent === this.isOn) return;
    this.isOn = silent;
    this.apply(silent);
  }
}
