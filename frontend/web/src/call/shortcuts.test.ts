import { expect, test } from "vitest";
import { shortcut } from "./shortcuts";

const at = (tag: string, value = "") => ({ tag, value, isInModal: false });

test.each(["body", "div", "button", "input", "select", "summary", "textarea"])(
  "Escape ends the answer while %s has the focus",
  (tag) => {
    expect(shortcut("Escape", at(tag))).toBe("interrupt");
  },
);

test("Escape leaves what is being written, and dialogs, alone", () => {
  expect(shortcut("Escape", at("input", "half a li"))).toBeNull();
  expect(shortcut("Escape", { ...at("input"), isInModal: true })).toBeNull();
});

test("Space talks only where it means nothing else", () => {
  expect(shortcut(" ", at("body"))).toBe("talk");
  for (const tag of ["button", "input", "select", "summary", "textarea"]) {
    expect(shortcut(" ", at(tag))).toBeNull();
  }
});
