import { describe, expect, it } from "vitest";
import { type RoomEvent, translateRoom } from "./events";

const told = (event: RoomEvent) => translateRoom(event);

describe("events of a room", () => {
  it("say what was heard and what was no turn", () => {
    expect(told({ type: "vdx.user.said", item_id: "u", text: "go on" })[0]).toEqual({
      type: "understood",
      utterance: "u",
      text: "go on",
    });
    expect(told({ type: "vdx.user.dropped", item_id: "u" })[0]).toMatchObject({ text: "" });
  });

  it("put an answer together and say where it was cut", () => {
    const reply = { response_id: "r" };
    const [clause] = told({ type: "vdx.reply.clause", ...reply, text: "One, " });
    expect(clause).toEqual({ type: "replying", reply: "r", delta: "One, " });
    const ended = { type: "vdx.reply.ended", ...reply, text: "One," } as const;
    const over = { type: "replied", reply: "r", played: "One," };
    expect(told({ ...ended, status: "cancelled" })).toEqual([{ ...over, cut: true }]);
    expect(told({ ...ended, status: "completed" })).toEqual([{ ...over, cut: false }]);
  });

  it("name the models of the session", () => {
    const session = { type: "vdx.session", session: "s", voice: "espeak-en/f1", recogniser: "p" };
    const [models] = told(session as RoomEvent);
    expect(models).toEqual({ type: "models", voice: "espeak-en", recogniser: "p" });
  });

  it("are the socket's where the socket has them", () => {
    const [state] = told({ type: "vdx.state", state: "barged_in", thinking: false });
    expect(state).toEqual({ type: "state", state: "interrupted" });
    const [partial] = told({
      type: "vdx.transcript",
      item_id: "item_abc_u2",
      text: "go",
      stable: 2,
    });
    expect(partial).toMatchObject({ utterance: "item_abc_u2" });
  });

  it("tell errors and spectators in words", () => {
    const [error] = told({ type: "vdx.error", error: { message: "no voice" } });
    expect(error).toMatchObject({ topic: "answer" });
    expect(told({ type: "vdx.spectator", message: "listen" })[0]).toMatchObject({ type: "notice" });
  });
});
