import { useRef } from "react";
import { words } from "../words";
import { endSession, type Session } from "./api";
import type { Attempt } from "./Operate";
import { Table } from "./Table";

/** Who talks; one can be ended, none can be listened to. */
export function SessionTable(props: { sessions: readonly Session[]; attempt: Attempt }) {
  const { sessions, attempt } = props;
  const heading = useRef<HTMLHeadingElement>(null);
  const w = words().operate;
  const end = (id: string) => {
    if (!confirm(w.sure(id))) return;
    // The row goes, and its button with the focus; who uses keys goes on at the list's name.
    heading.current?.focus();
    void attempt(() => endSession(id));
  };
  const columns = [w.id, w.state, w.profile, w.voice, w.recogniser, w.gap, w.messages, w.action];
  return (
    <section aria-labelledby="sessions-name">
      <h2 id="sessions-name" ref={heading} tabIndex={-1}>
        {w.sessions}
      </h2>
      {sessions.length === 0 ? (
        <p className="note">{w.none}</p>
      ) : (
        <Table id="sessions" name={w.sessions} columns={columns} figures={[w.gap, w.messages]}>
          {sessions.map((session) => (
            <Row key={session.id} session={session} onEnd={() => end(session.id)} />
          ))}
        </Table>
      )}
    </section>
  );
}

function Row({ session, onEnd }: { session: Session; onEnd: () => void }) {
  const { id, state, profile, voice, recogniser, gap_ms, messages } = session;
  const w = words().operate;
  return (
    <tr>
      <th scope="row">{id}</th>
      <td>{w.states[state] ?? state}</td>
      <td>{profile}</td>
      <td>{voice}</td>
      <td>{recogniser}</td>
      <td className="number">{gap_ms === null ? "–" : `${Math.round(gap_ms)} ms`}</td>
      <td className="number">{messages}</td>
      <td>
        <button className="plain" type="button" aria-label={w.endOne(id)} onClick={onEnd}>
          {w.end}
        </button>
      </td>
    </tr>
  );
}
