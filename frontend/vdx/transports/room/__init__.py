"""The room transport: one LiveKit room, one conversation at a time, on the process's event loop.

Any LiveKit client can take part. What it meets, users being participants of the kinds of
`livekit.listened_kinds` and the *linked* participant the user of the session:

The agent publishes one audio track (48 kHz mono, source MICROPHONE) and subscribes to the linked
user's microphone alone. Whoever comes first is linked. Who leaves keeps the conversation for
`livekit.rejoin_grace_seconds` and finds it again under the same identity; after that it goes to
the next user in the room as a new one, or the agent leaves. Others in the room hear everything
and are told that they are not listened to. Agents of several names (`livekit.agents`) may be in one
room, each with a session of its own: all hear the same user, and none hears another agent.

What a user said while joining is heard too, where their client recorded it and sends it as a byte
stream on `lk.agent.pre-connect-audio-buffer` (attributes `trackId`, `sampleRate`, `channels`).

Text streams sent by the agent:

- `lk.transcription`: what the linked user says (sent in their name; every update a stream with
  the whole text so far) and what the agent says (one stream for each reply, a piece for each
  clause when it begins to sound). Attributes: `lk.segment_id` (one for each utterance or reply),
  `lk.transcription_final` "true" or "false", `lk.transcribed_track_id`. A reply that was cut short
  ends with `vdx.interrupted` "true" and `vdx.played_text`, what was heard of it to the word. An
  utterance that turned out to be no turn ends with an empty final text. With
  `livekit.transcription_packets` the same comes as LiveKit's older transcription packets too, each
  with the whole text of its segment so far.
- `lk.chat`: words for people who are not linked.

Participant attributes of the agent: `lk.agent.state` is initializing, idle, listening, thinking
or speaking; `vdx.alive` counts, once a second, for as long as its worker lives.

Data packets sent by the agent, reliable, topic `vdx.events`, one JSON object `{"type": ...}` each.
The same as the WebSocket's, where the protocol has no event of its own:

- `vdx.state` state, thinking
- `vdx.transcript` utterance, item_id, text, stable, audio_end_ms, word_end_ms: all words so far, of
  the audio up to the one, the last of them up to the other (null without word times); both count
  as `audio_start_ms` does
- `vdx.playout.paused`, `vdx.playout.resumed` response_id, item_id, played_ms: a client that falls
  silent at the first says so in the job's metadata (`silent_at_pause`), and is sent again at the
  second what it did not hear
- `vdx.turn` response_id, item_id, speech_end_to_first_audio_ms, stages
- `vdx.vad` level, noise_floor, adaptive_threshold and the other statistics, five times a second
- `vdx.user.kept` utterance, item_id, text: said over a reply without interrupting it, and answered
  when the reply is over; `vdx.user.dropped` utterance, item_id: it was noise or a listening sound
- `vdx.language.heard` utterance, item_id, language, probability, spoken: the language of a turn,
  and the one it is answered in; `vdx.language.changed` language, voice, voice_speaks_it
- `vdx.hint` code, message
- `vdx.reply.only_code` response_id, item_id, said: the reply is only code, which is not spoken; the
  voice says `said` in its place
- `vdx.tool.started` response_id, item_id, call_id, name, arguments, source: a tool is called;
  `vdx.tool.done` response_id, item_id, call_id, name, output, status, duration_ms
- `vdx.session.ended` reason

and what the WebSocket tells in events of the protocol:

- `vdx.session` session, person, profile, voice, recogniser, language; at the start, on a change
- `vdx.user.started` utterance, item_id, interrupting; `vdx.user.said` utterance, item_id, text
- `vdx.user.keys` keys: what a user on the telephone entered (DTMF)
- `vdx.reply.started` response_id, item_id; `vdx.reply.clause` response_id, item_id, clause
  (from 0), text;
  `vdx.reply.ended` response_id, item_id, status, reason, played_ms, text (what was played)
- `vdx.error` error: code, message, service, retryable
- `vdx.spectator` message; only to people who are not linked

LiveKit does not send another agent when a worker dies without a word: a client that has got no
`vdx.vad` for two seconds asks for a new token and joins another room.

An `item_id` is the `lk.segment_id` of the same words. Times are milliseconds, levels int16 RMS.

From the linked user the agent takes text on `lk.chat` as if it were spoken, keys of a telephone as
text (`keypad.py`), and these RPCs, whose payloads are JSON objects in both directions:

- `vdx.say` text: speaks it as its own words; refused while a reply is under way
- `vdx.interrupt`: cancels the reply
- `vdx.use_model` model, a voice (or VOICE/SPEAKER) or a recogniser: loads it and switches to it
- `vdx.update_session` session, the object that a session.update over the WebSocket has: changes
  the settings of the conversation, and answers with all of them
- `vdx.set_tools` tools, tool_choice, parallel_tool_calls: function tools that the user's client
  performs, as RPC methods of their names
- `vdx.stats`: session, state, models, messages, VAD statistics and the last turn

A refused RPC is an RpcError with code 1500, a message, and `data`: code, service, retryable,
and param, the key that is wrong.
"""
