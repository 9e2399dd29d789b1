import { memo, useLayoutEffect, useRef } from "react";
import type { BotLine, Line, Lines, PersonLine } from "../call/captions";
import { words } from "../words";
import { Reply } from "./markdown/Reply";
import { Waterfall } from "./Waterfall";

const NEAR_END_PX = 60;

/** What both sides say, as it comes. */
export function Captions({ lines }: { lines: Lines }) {
  const list = useRef<HTMLDivElement>(null);
  const follows = useRef(true);
  useLayoutEffect(() => {
    const box = list.current;
    if (box && lines && follows.current) box.scrollTop = box.scrollHeight;
  }, [lines]);
  return (
    <div
      id="captions"
      ref={list}
      role="log"
      aria-live="off"
      aria-label={words().captions.name}
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
      tabIndex={0}
      onScroll={({ currentTarget: box }) => {
        follows.current = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END_PX;
      }}
    >
      {lines.length === 0 && <p className="empty">{words().captions.empty}</p>}
      {lines.map((line) => (
        <Caption key={line.id} line={line} />
      ))}
    </div>
  );
}

/** Drawn anew only when it changes: a long conversation has hundreds of them. */
export const Caption = memo(({ line }: { line: Line }) => {
  if (line.who === "aside") return <p className="aside">{line.text}</p>;
  if (line.who === "you") return <Person line={line} />;
  return line.text ? <Bot line={line} /> : null;
});

function Person({ line }: { line: PersonLine }) {
  return (
    <div className="line you">
      <p>
        <span className="who">{words().captions.you}</span>
        {line.text.slice(0, line.stable)}
        {line.stable < line.text.length && <em>{line.text.slice(line.stable)}</em>}
      </p>
    </div>
  );
}

function Bot({ line }: { line: BotLine }) {
  return (
    <div className="line vdx" data-paused={line.paused || undefined}>
      <p>
        <span className="who">vdx</span>
        <Reply text={line.text} cutAt={line.cutAt} />
      </p>
      {line.timing && <Waterfall timing={line.timing} />}
    </div>
  );
}
