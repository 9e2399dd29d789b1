/**
 * Markdown of a reply as pieces of text, each with its place in the source: a voice is cut off at a
 * place in the source. Parsed by mdast-util-from-markdown; links keep their words alone.
 */

import type { Nodes, Parent } from "mdast";
import { fromMarkdown } from "mdast-util-from-markdown";

export type Style = "strong" | "em" | "code";

export interface Segment {
  readonly text: string;
  /** Offset into the source. */
  readonly from: number;
  readonly styles: readonly Style[];
  /** Begins a line of its own. */
  readonly isBlock: boolean;
}

/** Texts without any of these are plain, as nearly all that is spoken is. */
const MARKED = /[*_`#[\]~<>\\&]|^\s*([-+]|\d+[.)])\s|\n/m;

export function segments(source: string): readonly Segment[] {
  if (!MARKED.test(source)) return [{ text: source, from: 0, styles: [], isBlock: false }];
  const found: Segment[] = [];
  let isBlock = false;
  const add = (node: Nodes, text: string, styles: readonly Style[]) => {
    const from = node.position?.start.offset ?? 0;
    found.push({ text, from, styles, isBlock: isBlock && found.length > 0 });
    isBlock = false;
  };
  const walk = (node: Nodes, styles: readonly Style[]): void => {
    switch (node.type) {
      case "paragraph":
      case "heading":
        isBlock ||= found.length > 0;
        break;
      case "listItem":
        isBlock = true;
        add(node, "• ", styles);
        for (const child of node.children) within(child, styles);
        return;
      case "text":
      case "html":
        add(node, node.value, styles);
        return;
      case "inlineCode":
        add(node, node.value, [...styles, "code"]);
        return;
      case "code":
        isBlock = true;
        add(node, node.value, [...styles, "code"]);
        return;
      case "break":
        isBlock = true;
        return;
      case "image":
        add(node, node.alt ?? "", styles);
        return;
    }
    const more: readonly Style[] =
      node.type === "strong" || node.type === "heading"
        ? [...styles, "strong"]
        : node.type === "emphasis"
          ? [...styles, "em"]
          : styles;
    if ("children" in node) for (const child of (node as Parent).children) walk(child, more);
  };
  /** What follows the bullet stands on its line. */
  const within = (node: Nodes, styles: readonly Style[]): void => {
    if (node.type !== "paragraph") walk(node, styles);
    else for (const child of node.children) walk(child, styles);
  };
  walk(fromMarkdown(source), []);
  return found.length > 0 ? found : [{ text: source, from: 0, styles: [], isBlock: false }];
}

/** The same split at a place in the source; `null` cuts nothing. */
export function splitAt(
  pieces: readonly Segment[],
  cutAt: number | null,
): readonly [kept: readonly Segment[], cut: readonly Segment[]] {
  if (cutAt === null) return [pieces, []];
  const kept: Segment[] = [];
  const cut: Segment[] = [];
  for (const piece of pieces) {
    const at = Math.max(0, cutAt - piece.from);
    if (at >= piece.text.length) kept.push(piece);
    else if (at === 0) cut.push(piece);
    else {
      kept.push({ ...piece, text: piece.text.slice(0, at) });
      cut.push({ ...piece, text: piece.text.slice(at), from: piece.from + at, isBlock: false });
    }
  }
  return [kept, cut];
}

/** The words alone. */
export const plain = (source: string): string =>
  segments(source)
    .map(({ text, isBlock }) => (isBlock ? `\n${text}` : text))
    .join("");
