/** The controls of the drawer: each with a label, and a note where the label does not say it all. */

import { type ReactNode, useEffect, useId, useRef, useState } from "react";
import { words } from "../../words";
import { useFocusKept } from "../hooks";

interface FieldProps {
  readonly label: string;
  readonly note?: string | undefined;
}

/** A menu. */
export function Choice(
  props: FieldProps & {
    readonly value: string;
    readonly options: readonly (readonly [value: string, label: string])[];
    readonly isDisabled?: boolean;
    readonly onChange: (value: string) => void;
  },
) {
  const { label, note, value, options, isDisabled = false, onChange } = props;
  const select = useFocusKept<HTMLSelectElement>(isDisabled);
  return (
    <Labelled label={label} note={note}>
      {(ids) => (
        <select
          {...ids}
          ref={select}
          value={value}
          disabled={isDisabled}
          onChange={(e) => onChange(e.target.value)}
        >
          {!options.some(([known]) => known === value) && <option value={value}>{value}</option>}
          {options.map(([known, shown]) => (
            <option key={known} value={known}>
              {shown}
            </option>
          ))}
        </select>
      )}
    </Labelled>
  );
}

/** No value of a menu: what is chosen to write another one. */
const ANOTHER = "\u0000another";

/** A menu whose last entry turns it into a line for what the menu does not have. */
export function ChoiceOrText(
  props: FieldProps & {
    readonly value: string;
    readonly options: readonly (readonly [value: string, label: string])[];
    readonly refused?: string | undefined;
    /** Of the line. */
    readonly textNote: string;
    readonly onChange: (value: string) => void;
  },
) {
  const { label, note, textNote, value, refused, options, onChange } = props;
  const [isWritten, setWritten] = useState(false);
  const { another, back } = words().settings;
  if (!isWritten) {
    return (
      <Choice
        label={label}
        note={note}
        value={value}
        options={[...options, [ANOTHER, another]]}
        onChange={(chosen) => (chosen === ANOTHER ? setWritten(true) : onChange(chosen))}
      />
    );
  }
  return (
    <>
      <Text
        label={label}
        note={textNote}
        value={value}
        refused={refused}
        placeholder=""
        hasFocus
        onChange={(text) => onChange(text.trim())}
      />
      <button className="plain" type="button" onClick={() => setWritten(false)}>
        {back}
      </button>
    </>
  );
}

/** Text that is taken when the field is left, or after Enter in a single line. */
export function Text(
  props: FieldProps & {
    readonly value: string;
    /** What was written here and not taken, to be mended rather than written again. */
    readonly refused?: string | undefined;
    readonly placeholder: string;
    readonly lines?: number;
    readonly maxLength?: number;
    /** Whether it takes the focus when it appears. */
    readonly hasFocus?: boolean;
    readonly onChange: (value: string) => void;
  },
) {
  const { label, note, value, refused, placeholder, lines = 1, maxLength = 200, onChange } = props;
  const line = useRef<HTMLInputElement>(null);
  useEffect(() => {
    if (props.hasFocus) line.current?.focus();
  }, [props.hasFocus]);
  const shown = refused ?? value;
  const [text, setText] = useState(shown);
  useEffect(() => setText(shown), [shown]);
  const take = () => text !== value && onChange(text);
  // What was refused and is not altered is sent again by Enter alone, not by leaving the field.
  const leave = () => text !== shown && take();
  const field = {
    value: text,
    placeholder,
    maxLength,
    autoComplete: "off",
    onBlur: leave,
    onChange: ({ target }: { target: { value: string } }) => setText(target.value),
  };
  return (
    <Labelled label={label} note={note}>
      {(ids) =>
        lines > 1 ? (
          <textarea {...ids} {...field} rows={lines} />
        ) : (
          <input
            ref={line}
            {...ids}
            {...field}
            onKeyDown={({ key }) => key === "Enter" && take()}
          />
        )
      }
    </Labelled>
  );
}

/** A factor, 1 being what the profile says. */
export function Factor(
  props: FieldProps & {
    readonly value: number | null;
    readonly usual?: number;
    readonly onChange: (value: number | null) => void;
  },
) {
  const { label, note, value, usual = 1, onChange } = props;
  const [shown, setShown] = useState(value ?? usual);
  useEffect(() => setShown(value ?? usual), [value, usual]);
  const take = () => {
    const factor = shown === usual ? null : shown;
    if (factor !== value) onChange(factor);
  };
  return (
    <Labelled label={`${label}: ${shown} ×`} note={note}>
      {(ids) => (
        <input
          {...ids}
          type="range"
          min={0.5}
          max={2}
          step={0.25}
          value={shown}
          onChange={({ target }) => setShown(Number(target.value))}
          onPointerUp={take}
          onKeyUp={take}
          onBlur={take}
        />
      )}
    </Labelled>
  );
}

export function Switch(props: {
  readonly label: string;
  readonly checked: boolean;
  readonly onChange: (checked: boolean) => void;
}) {
  const { label, checked, onChange } = props;
  return (
    <label className="switch">
      <input type="checkbox" checked={checked} onChange={(e) => onChange(e.target.checked)} />
      <span>{label}</span>
    </label>
  );
}

export function Group({ title, children }: { title: string; children: ReactNode }) {
  return (
    <fieldset>
      <legend>{title}</legend>
      {children}
    </fieldset>
  );
}

type Ids = { readonly id: string; readonly "aria-describedby"?: string };

function Labelled(props: {
  readonly label: string;
  readonly note: string | undefined;
  readonly children: (ids: Ids) => ReactNode;
}) {
  const id = useId();
  const { label, note, children } = props;
  const noteId = `${id}-note`;
  return (
    <div className="field">
      <label htmlFor={id}>{label}</label>
      {children({ id, ...(note && { "aria-describedby": noteId }) })}
      {note && (
        <p id={noteId} className="note">
          {note}
        </p>
      )}
    </div>
  );
}
