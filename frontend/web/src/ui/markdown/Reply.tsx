import type { ReactNode } from "react";
import { words } from "../../words";
import { type Segment, type Style, segments, splitAt } from "./segments";

/** What the other side says, its markdown rendered, and struck through what was cut off. */
export function Reply({ text, cutAt }: { text: string; cutAt: number | null }) {
  const [kept, cut] = splitAt(segments(text), cutAt);
  const [first, ...more] = cut;
  if (!first) return <>{kept.map(shown)}</>;
  // What is struck begins with a word.
  const start = first.text.trimStart();
  const gap = first.text.slice(0, first.text.length - start.length);
  return (
    <>
      {joined(kept, gap)}
      <del>
        <span className="unseen">{words().captions.cut}</span>
        {[{ ...first, text: start }, ...more].map(shown)}
      </del>
    </>
  );
}

function joined(kept: readonly Segment[], gap: string): ReactNode {
  const last = kept.at(-1);
  if (!last) return gap;
  return [...kept.slice(0, -1), { ...last, text: last.text + gap }].map(shown);
}

function shown({ text, styles, from, isBlock }: Segment): ReactNode {
  if (!isBlock && styles.length === 0) return text;
  let styled: ReactNode = text;
  for (const style of styles) styled = wrapped(style, styled);
  return (
    <span key={from}>
      {isBlock && <br />}
      {styled}
    </span>
  );
}

function wrapped(style: Style, inner: ReactNode): ReactNode {
  if (style === "strong") return <strong>{inner}</strong>;
  if (style === "em") return <em className="stress">{inner}</em>;
  return <code>{inner}</code>;
}
