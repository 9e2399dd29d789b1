/** From the events of a room, on the topic `vdx.events`, to those of the page. Pure. */

import type { CallEvent } from "../call/events";
import { translateVdx, understood, type VdxEvent, wrong } from "../socket/protocol";
import { words } from "../words";

export type RoomEvent =
  | { type: "vdx.session"; session: string; voice: string; recogniser: string }
  | { type: "vdx.user.said"; item_id: string; text: string }
  | { type: "vdx.user.dropped"; item_id: string }
  | { type: "vdx.reply.started"; response_id: string }
  | { type: "vdx.reply.clause"; response_id: string; text: string }
  | {
      type: "vdx.reply.ended";
      response_id: string;
      status: "completed" | "cancelled" | "failed";
      text: string;
    }
  | { type: "vdx.error"; error: { message: string } }
  | { type: "vdx.spectator"; message: string }
  | VdxEvent;

export function translateRoom(event: RoomEvent): readonly CallEvent[] {
  switch (event.type) {
    case "vdx.session": {
      const voice = event.voice.split("/")[0] ?? "";
      return [{ type: "models", voice, recogniser: event.recogniser }];
    }
    case "vdx.user.said":
      return understood(event.item_id, event.text);
    case "vdx.user.dropped":
      return understood(event.item_id, "");
    case "vdx.reply.started":
      return [{ type: "notice", topic: "answer", notice: null }];
    case "vdx.reply.clause":
      return [{ type: "replying", reply: event.response_id, delta: event.text }];
    case "vdx.reply.ended": {
      const { response_id: reply, status, text: played } = event;
      const over: CallEvent = { type: "replied", reply, cut: status === "cancelled", played };
      return [over];
    }
    case "vdx.error":
      return [wrong(words().answer.wrong(event.error.message))];
    case "vdx.spectator":
      return [{ type: "notice", topic: "connection", notice: { text: event.message } }];
    default:
      return translateVdx(event);
  }
}
