import type { ToolLine } from "../call/captions";

/** One call of a tool in the transcript: its name and arguments, then its result and duration. */
export function ToolCall({ line }: { line: ToolLine }) {
  return (
    <details className="tool" data-status={line.status}>
      <summary>
        <code>{line.name}</code> {line.durationMs === null ? "…" : `${line.durationMs} ms`}
      </summary>
      <pre>{line.arguments}</pre>
      {line.output !== null && <pre>{line.output}</pre>}
    </details>
  );
}
