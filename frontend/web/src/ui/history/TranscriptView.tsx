import { useState } from "react";
import type { Line, Lines } from "../../call/captions";
import { clock } from "../../history/clock";
import { asJson, asMarkdown, asVtt } from "../../history/transcript";
import { words } from "../../words";
import { copy, save } from "../clipboard";
import { plain } from "../markdown/segments";

const FORMS = [
  ["Markdown", "conversation.md", "text/markdown", asMarkdown],
  ["JSON", "conversation.json", "application/json", asJson],
  ["VTT", "conversation.vtt", "text/vtt", asVtt],
] as const;

/** What was said, with times, to be taken away. */
export function TranscriptView({ lines, onClear }: { lines: Lines; onClear: () => void }) {
  const [done, setDone] = useState("");
  const w = words().history;
  const { notCopied } = words().settings;
  if (lines.length === 0) return <p className="note">{w.empty}</p>;
  return (
    <>
      <div className="actions">
        <button
          id="copy-transcript"
          className="plain"
          type="button"
          onClick={async () => setDone((await copy(asMarkdown(lines))) ? w.copied : notCopied)}
        >
          {w.copy}
        </button>
        {FORMS.map(([name, file, type, text]) => (
          <button
            key={name}
            className="plain"
            type="button"
            onClick={() => save(file, type, text(lines))}
          >
            {w.save(name)}
          </button>
        ))}
        <button className="plain" type="button" onClick={onClear}>
          {w.clear}
        </button>
        <p className="note" role="status">
          {done}
        </p>
      </div>
      <ol className="said">
        {lines.map((line) => (
          <Said key={line.id} line={line} />
        ))}
      </ol>
    </>
  );
}

function Said({ line }: { line: Line }) {
  if (line.who === "tool") {
    return (
      <li data-who="tool">
        <time>{line.at === undefined ? "" : clock(line.at)}</time>
        <span className="who" />
        <span>
          <code>
            {line.name}({line.arguments})
          </code>
          {line.output !== null && (
            <>
              {" → "}
              <code>{line.output}</code>
            </>
          )}
        </span>
      </li>
    );
  }
  const { who, text, at } = line;
  return (
    <li data-who={who}>
      <time>{at === undefined ? "" : clock(at)}</time>
      <span className="who">{who === "you" ? words().captions.you : who === "vdx" ? who : ""}</span>
      <span>{who === "vdx" ? plain(text) : text}</span>
    </li>
  );
}
