import type { ToolLine } from "../call/captions";
import { words } from "../words";

/** One call of a tool in the transcript: its name and arguments, then how it ended. */
export function ToolCall({ line }: { line: ToolLine }) {
  return (
    <details className="tool" data-status={line.status}>
      <summary>
        <code>{line.name}</code> {line.durationMs === null ? "…" : `${line.durationMs} ms`}
        {line.status && line.status !== "completed" && `, ${words().tools[line.status]}`}
      </summary>
      <pre>{line.arguments}</pre>
      {line.output !== null && <pre>{line.output}</pre>}
    </details>
  );
}
