import type { ReactNode } from "react";

/** A table with a row of column heads; it scrolls by itself where the page is too narrow. */
export function Table(props: { id: string; columns: readonly string[]; children: ReactNode }) {
  return (
    <div className="wide">
      <table id={props.id}>
        <thead>
          <tr>
            {props.columns.map((column) => (
              <th key={column} scope="col">
                {column}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>{props.children}</tbody>
      </table>
    </div>
  );
}
