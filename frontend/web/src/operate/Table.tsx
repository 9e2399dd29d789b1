import type { ReactNode } from "react";

/** A table with a row of column heads; it scrolls by itself where the page is too narrow. */
export function Table(props: {
  readonly id: string;
  /** What it is a table of. */
  readonly name: string;
  readonly columns: readonly string[];
  /** Those of the columns whose cells are figures. */
  readonly figures?: readonly string[];
  readonly children: ReactNode;
}) {
  return (
    // biome-ignore lint/a11y/useSemanticElements: a fieldset is for what is filled in
    // biome-ignore lint/a11y/noNoninteractiveTabindex: what scrolls must be reached by keyboard
    <div className="wide" role="group" aria-label={props.name} tabIndex={0}>
      <table id={props.id}>
        <thead>
          <tr>
            {props.columns.map((column) => (
              <th
                key={column}
                scope="col"
                className={props.figures?.includes(column) ? "number" : undefined}
              >
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
