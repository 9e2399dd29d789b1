/** What the page says of each state and stage. */

import type { Notice } from "./call/events";
import type { Mood } from "./call/state";

export interface Wording {
  readonly word: string;
  readonly advice: string;
}

export const MOODS: Readonly<Record<Mood, Wording>> = {
  off: { word: "Ready", advice: "Press Talk or the space bar, then speak." },
  connecting: { word: "Connecting", advice: "One moment." },
  reconnecting: { word: "Reconnecting", advice: "The conversation goes on by itself." },
  idle: { word: "Ready", advice: "Say something." },
  listening: { word: "Listening", advice: "Pause, and it answers." },
  thinking: { word: "Thinking", advice: "The answer is on its way." },
  speaking: { word: "Speaking", advice: "Speak to interrupt it." },
  interrupted: { word: "Interrupted", advice: "It goes on if that was nothing." },
  waiting: { word: "Your turn", advice: "It has finished and listens." },
  ended: { word: "Ended", advice: "Press Talk to begin again." },
};

export const MUTED_ADVICE = "You are muted. Press the space bar to be heard.";

/** What is said of the starter language model, before anybody wonders at its answers. */
export const smallModel = (name: string): Notice => ({
  text:
    `${name} answers: so small a model only proves that talking works. ` +
    "For a better one use Ollama, or name vLLM or a hosted endpoint with responder.chat.base_url:",
  command: "vdx up --responder chat --set responder.chat.model=llama3.2",
});

/** The stages of a turn, as `vdx up` names them. */
export const STAGES: Readonly<Record<string, string>> = {
  pause_noticed: "pause noticed",
  speculative_transcript: "transcript, speculative",
  first_text: "first words of the answer",
  first_voice: "first audio of the voice",
  endpoint: "end of turn decided",
  final_transcript: "transcript, final",
  first_audio: "first audio sent",
};

/** The person's own silence; everything else is work. */
export const WAITING: ReadonlySet<string> = new Set(["pause_noticed", "endpoint"]);
