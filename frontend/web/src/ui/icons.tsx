/** Drawn here, so that the page fetches none. They say nothing to a screen reader. */

const line = {
  width: 24,
  height: 24,
  viewBox: "0 0 24 24",
  fill: "none",
  stroke: "currentColor",
  strokeWidth: 1.75,
  strokeLinecap: "round",
  strokeLinejoin: "round",
  "aria-hidden": true,
} as const;

export function MicrophoneIcon({ crossed }: { crossed: boolean }) {
  return (
    <svg {...line}>
      <rect x="9" y="3" width="6" height="11" rx="3" />
      <path d="M5.5 11.5a6.5 6.5 0 0 0 13 0M12 18v3" />
      {crossed && <path d="M4 4l16 16" />}
    </svg>
  );
}

export function SendIcon() {
  return (
    <svg {...line}>
      <path d="M12 19V5M6 11l6-6 6 6" />
    </svg>
  );
}

export function StopIcon() {
  return (
    <svg {...line}>
      <rect x="7" y="7" width="10" height="10" rx="1.5" fill="currentColor" />
    </svg>
  );
}

export function CloseIcon() {
  return (
    <svg {...line}>
      <path d="M6 6l12 12M18 6L6 18" />
    </svg>
  );
}

export function SettingsIcon() {
  return (
    <svg {...line}>
      <path d="M4 7h9M17 7h3M4 17h3M11 17h9" />
      <circle cx="15" cy="7" r="2" />
      <circle cx="9" cy="17" r="2" />
    </svg>
  );
}

export function HistoryIcon() {
  return (
    <svg {...line}>
      <path d="M5 5h14M5 10h14M5 15h9M5 20h5" />
    </svg>
  );
}
