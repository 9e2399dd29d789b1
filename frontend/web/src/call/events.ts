/** What a transport tells the page: the same events whether they come from a room or a socket. */

export type AgentState =
  | "idle"
  | "listening"
  | "thinking"
  | "speaking"
  | "interrupted"
  | "waiting"
  | "ended";

export type Quality = "good" | "fair" | "poor" | "unknown";

/** Milliseconds after the person's last sound, by stage. */
export type Stages = Readonly<Record<string, number>>;

/** How a call of a tool ended; one that is refused was never performed. */
export type ToolStatus = "completed" | "failed" | "timed_out" | "cancelled" | "refused";

export type CallEvent =
  | { type: "connecting" }
  | { type: "connected"; session: string }
  /** Another session took over in the same room. */
  | { type: "renewed"; session: string }
  | { type: "lost" }
  /** No connection, for this reason; the next attempt is at `retryAt` (ms since 1970), null: now. */
  | { type: "waiting"; why: string; retryAt: number | null }
  /** The conversation is open; whether the other side knows what was said before. */
  | { type: "joined"; remembers: boolean }
  | { type: "hungUp"; reason: string }
  | { type: "state"; state: AgentState }
  /** The words so far; `stable` leading characters will not change. */
  | { type: "heard"; utterance: string; text: string; stable: number }
  | { type: "understood"; utterance: string; text: string }
  /** What was said over an answer that went on: no turn. */
  | { type: "dismissed" }
  | { type: "typed"; item: string; text: string }
  | { type: "replying"; reply: string; delta: string }
  | { type: "paused"; reply: string }
  | { type: "resumed"; reply: string }
  /** `played`: the text that really sounded, where the transport knows it. */
  | { type: "replied"; reply: string; cut: boolean; played: string | null }
  /** A tool is called; `arguments` is JSON. */
  | { type: "calling"; call: string; name: string; arguments: string }
  | { type: "called"; call: string; output: string; status: ToolStatus; durationMs: number }
  | { type: "threshold"; noise: number; needed: number }
  | { type: "timed"; reply: string; gapMs: number; stages: Stages }
  | { type: "models"; voice: string; recogniser: string }
  /** The change of settings with this id was not taken; `param` is what the server calls it. */
  | { type: "refused"; update: string; param: string; why: string }
  | { type: "quality"; quality: Quality; roundTripMs: number | null }
  | { type: "notice"; topic: Topic; notice: Notice | null };

/** One notice is shown for each topic; a new one replaces it, `null` takes it away. */
export type Topic =
  | "connection"
  | "microphone"
  | "models"
  | "settings"
  | "model"
  | "answer"
  | "typed"
  | "level";

export interface Notice {
  readonly text: string;
  /** A line to copy into a terminal. */
  readonly command?: string;
}

export type Emit = (event: CallEvent) => void;

/** A conversation's end by `reason`; without one, or when the server stops, it is to be resumed. */
export const ending = (reason: string | null): CallEvent =>
  reason === null || reason === "server_stopping" ? { type: "lost" } : { type: "hungUp", reason };
