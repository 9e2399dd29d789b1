import { expect, test } from "vitest";
import { KEY_PATTERN } from "./keyPattern";

/** As a browser checks a `pattern`. */
const fits = (key: string): boolean => new RegExp(`^(?:${KEY_PATTERN})$`, "v").test(key);

test("the pattern of the key dialog is an expression that browsers take", () => {
  for (const key of ["open-sesame", "a|b", "!#$%&'*+.^_`|~-", "0"]) expect(fits(key)).toBe(true);
  for (const key of ["", "two words", "a,b", "schlüssel", 'a"b', "a/b"]) {
    expect(fits(key)).toBe(false);
  }
});
