import { renderToStaticMarkup } from "react-dom/server";
import { describe, expect, it } from "vitest";
import { Reply } from "./Reply";
import { plain, segments, splitAt } from "./segments";

const html = (text: string, cutAt: number | null = null) =>
  renderToStaticMarkup(<Reply text={text} cutAt={cutAt} />);

describe("markdown in a reply", () => {
  it("is rendered", () => {
    expect(html("Take **two** _small_ `pills`.")).toBe(
      "Take <span><strong>two</strong></span> " +
        '<span><em class="stress">small</em></span> <span><code>pills</code></span>.',
    );
    expect(html("# Heading\n\n- one\n- two")).toBe(
      "<span><strong>Heading</strong></span><span><br/>• </span>one<span><br/>• </span>two",
    );
  });

  it("leaves plain words as they are", () => {
    for (const text of ["Hello, you.", "It is 5 - 3 = 2.", "Bon après-midi !"]) {
      expect(html(text)).toBe(text);
      expect(plain(text)).toBe(text);
    }
  });

  it("keeps the words of links, and no address or script", () => {
    expect(plain("See [the page](https://example.org).")).toBe("See the page.");
    expect(html("[x](javascript:alert(1))")).toBe("x");
    expect(html("<img src=x onerror=alert(1)> hi")).not.toContain("<img");
  });

  it("is cut at a place of the source", () => {
    const text = "One **two three** four";
    const at = text.indexOf("three");
    expect(html(text, at)).toContain("<strong>two </strong>");
    expect(html(text, at)).toMatch(/<del>.*three.*four<\/del>$/);
    const [kept, cut] = splitAt(segments(text), at);
    expect(kept.map((piece) => piece.text).join("")).toBe("One two ");
    expect(cut.map((piece) => piece.text).join("")).toBe("three four");
  });
});
