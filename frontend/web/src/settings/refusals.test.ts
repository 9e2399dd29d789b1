import { describe, expect, it } from "vitest";
import { SentChanges } from "./refusals";
import { type Settings, USUAL } from "./settings";

const set = (change: Partial<Settings>): Settings => ({ ...USUAL, ...change });

describe("a change that is refused", () => {
  it("is none that was taken back meanwhile", () => {
    const sent = new SentChanges();
    const id = sent.add({ before: USUAL, after: set({ language: "xx" }) });
    const taken = sent.refused(id, "session.vdx.language", set({ language: "de" }));
    expect(taken?.settings.language).toBe("de");
    expect(taken?.rest).toBeNull();
  });

  it("is not come back to by a later one that is refused too", () => {
    const sent = new SentChanges();
    const first = sent.add({ before: USUAL, after: set({ language: "xx" }) });
    const second = sent.add({ before: set({ language: "xx" }), after: set({ language: "yy" }) });
    sent.refused(first, "session.vdx.language", set({ language: "yy" }));
    const taken = sent.refused(second, "session.vdx.language", set({ language: "yy" }));
    expect(taken?.settings.language).toBe("");
  });

  it("leaves what the person has changed since", () => {
    const sent = new SentChanges();
    const after = set({ responder: "gone", speed: 1.5 });
    const id = sent.add({ before: USUAL, after });
    const taken = sent.refused(id, "vdx.responder", { ...after, speed: 2 });
    expect(taken?.settings).toEqual(set({ speed: 2 }));
    expect(taken?.rest).toEqual({ before: USUAL, after: set({ speed: 2 }) });
  });

  it("is that of the models where the server names another one of them", () => {
    const sent = new SentChanges();
    const id = sent.add({ before: USUAL, after: set({ recogniser: "german", speed: 2 }) });
    expect(sent.refused(id, "language", USUAL)?.keys).toEqual(["recogniser"]);
  });

  it("is known by its id alone", () => {
    const sent = new SentChanges();
    const id = sent.add({ before: USUAL, after: set({ speed: 2 }) });
    expect(sent.refused("settings_9", "", USUAL)).toBeNull();
    sent.clear();
    expect(sent.refused(id, "", USUAL)).toBeNull();
  });

  it("is told as long as it may still come, and no longer", () => {
    const sent = new SentChanges();
    const ids = Array.from({ length: 70 }, () =>
      sent.add({ before: USUAL, after: set({ speed: 2 }) }),
    );
    expect(sent.refused(ids[0] ?? "", "", USUAL)).toBeNull();
    expect(sent.refused(ids.at(-1) ?? "", "", USUAL)?.keys).toEqual(["speed"]);
  });
});
