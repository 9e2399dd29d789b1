import { useLayoutEffect, useRef } from "react";
import type { BotLine, Line, Lines, PersonLine } from "../call/captions";
import { ToolCall } from "./ToolCall";
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
      aria-label="Captions"
      // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
      tabIndex={0}
      onScroll={({ currentTarget: box }) => {
        follows.current = box.scrollHeight - box.scrollTop - box.clientHeight < NEAR_END_PX;
      }}
    >
      {lines.length === 0 && (
        <p className="empty">What you say, and what you hear, is written here.</p>
      )}
      {lines.map((line) => (
        <Caption key={line.id} line={line} />
      ))}
    </div>
  );
}

export function Caption({ line }: { line: Line }) {
  if (line.who === "aside") return <p className="aside">{line.text}</p>;
  if (line.who === "tool") return <ToolCall line={line} />;
  if (line.who === "you") return <Person line={line} />;
  return line.text ? <Bot line={line} /> : null;
}

function Person({ line }: { line: PersonLine }) {
  return (
    <div className="line you">
      <p>
        <span className="who">You</span>
        {line.text.slice(0, line.stable)}
        {line.stable < line.text.length && <em>{line.text.slice(line.stable)}</em>}
      </p>
    </div>
  );
}

function Bot({ line }: { line: BotLine }) {
  const kept = line.text.slice(0, line.cutAt ?? line.text.length);
  const rest = line.text.slice(kept.length);
  const words = rest.trimStart();
  return (
    <div className="line vdx" data-paused={line.paused || undefined}>
      <p>
        <span className="who">vdx</span>
        {kept + rest.slice(0, rest.length - words.length)}
        {line.cutAt !== null && (
          <del>
            <span className="unseen">, cut off before: </span>
            {words}
          </del>
        )}
      </p>
      {line.timing && <Waterfall timing={line.timing} />}
    </div>
  );
}
