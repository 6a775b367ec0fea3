"""Every default and limit, in one place, each with its reason.

Code that needs another value passes it to the part in question (a traitlet, a parameter). No other
file repeats a number from here.
"""

from typing import Final

MAX_ID_CHARS: Final = 200
"""Ids are opaque; 200 holds any UUID, path-like name or hash and keeps the indexes small."""

MAX_TYPE_CHARS: Final = 100
"""An event type is a name, not a text."""

MAX_EVENT_BYTES: Final = 1024 * 1024
"""One event, encoded. A draft under review fits; a data set does not belong in a question."""

MAX_BODY_BYTES: Final = 8 * 1024 * 1024
"""One request body: a batch of events. Larger ones get 413."""

MAX_STRANGER_BODY_BYTES: Final = 64 * 1024
"""One request body of an unauthenticated caller. It is read and discarded, so that the refusal
reaches a client that sends its body first. Above it the connection is closed."""

MAX_HEAD_BYTES: Final = 32 * 1024
"""Request line and headers, in the standalone server: four times what browsers send."""

HEAD_SECONDS: Final = 20.0
"""How long a connection may take to send its first request, in the standalone server: slow phones
need a few seconds. Browsers open connections ahead, and open another when one is closed."""

BODY_SECONDS: Final = 60.0
"""How long a request body may take: the largest one at 1 Mbit/s."""

MAX_BODIES_BYTES: Final = 32 * 1024 * 1024
"""Request bodies and client frames of all callers together, until they are handled: four of the
largest. Decoded and encoded again they take some three times as much memory."""

MAX_STRANGERS: Final = 1000
"""Simultaneous unauthenticated connections to the standalone server: some 60 MB if each has sent
incomplete headers. One more closes the oldest."""

MAX_STRANGERS_PER_ADDRESS: Final = 500
"""The same for one address: half is left for others."""

LISTEN_BACKLOG: Final = 512
"""Connections that wait to be accepted: this many, with the largest headers, are read within a
second. Above that the system drops new ones, and their clients retry after one to three seconds."""

ACCEPTED_IN_A_TURN: Final = 32
"""Connections accepted in one turn of the event loop. A request is answered within a few turns, in
which fewer unknown callers arrive than it takes to close the oldest connection."""

SPARE_FILES: Final = 32
"""File descriptors kept free of unauthenticated connections, for the log's files and for callers
who are let in."""

ACCEPT_PAUSE_SECONDS: Final = 0.5
"""Pause in accepting when no file descriptor is free; without it the server would only retry."""

MAX_BATCH_EVENTS: Final = 1000
"""Events in one publish call: writing a batch stays well under 50 ms of the event loop."""

MAX_FEEDBACK_CHARS: Final = 200_000
"""An answer typed or pasted by a person: a long document."""

MAX_CONTEXT_CHARS: Final = 64_000
"""Context that the bridge sends with a question; a cut is marked in the text."""

MAX_ATTACHMENTS_BYTES: Final = 512 * 1024
"""Attachments that the bridge sends with a question, encoded: half of an event. The other half
holds the largest context and draft or history, at up to four bytes for a character."""

MAX_TABLE_BYTES: Final = 256 * 1024
"""One table among them: 500 rows of 20 columns. Two of the largest fit."""

MAX_FILE_BYTES: Final = MAX_BODY_BYTES
"""One file of a request: it is one request body, and is held in memory while it is sent."""

MAX_FILE_NAME_BYTES: Final = 255
"""A file's name in UTF-8: what file systems take."""

MAX_FILES_PER_REQUEST: Final = 32
"""Files of one request: what a person looks through."""

MAX_FILES_BYTES_PER_REQUEST: Final = 8 * MAX_FILE_BYTES
"""The same in bytes: eight of the largest."""

MAX_FILES_BYTES: Final = 4 * 1024 * 1024 * 1024
"""All files of a log, which its disk holds beside it: five hundred of the largest, or thousands of
usual ones. The oldest go with their requests."""

MAX_FILES_BYTES_IN_MEMORY: Final = 64 * 1024 * 1024
"""The same for a log in memory."""

MAX_UNUSED_BYTES_PER_CALLER: Final = 512 * 1024 * 1024
"""Uploads of one identity to which no event refers yet: an eighth of a log's files, so that nobody
takes the room of all others by uploading alone."""

MAX_UNUSED_FILES_PER_CALLER: Final = 5000
"""The same in files: so many are counted in some milliseconds."""

UNUSED_FILE_SECONDS: Final = 24 * 3600
"""How long an upload waits for an event that refers to it: a person may choose a file in the
morning and send the answer in the evening."""

MAX_ACCEPTED_KINDS: Final = 50
"""Kinds of files that one field of a form takes: every ending of a family of formats."""

MAX_STEPS: Final = 30
"""Steps of an agent in a question: the latest, which led to it."""

MAX_STEP_CHARS: Final = 300
"""Arguments or result of one step: enough to recognise the call."""

MAX_OPTIONS: Final = 200
"""Options of one question: a longer list needs a search box, not a choice."""

MAX_SCHEMA_PROPERTIES: Final = 100
"""Fields of one form, those of its parts included."""

MAX_FORM_DEPTH: Final = 4
"""Levels of parts and lists within a form: a deeper one is a document and not a form."""

MAX_FORM_ROWS: Final = 200
"""Rows of one list in a form: what a person looks through one by one."""

MAX_FORM_VALUES: Final = 5000
"""Values of one answer to a form, rows included: 200 rows of 20 columns take 40 ms to check."""

MAX_SCHEMA_CHOICES: Final = 1000
"""Choices of one field: every country or currency fits, a catalogue does not."""

MAX_JSON_DEPTH: Final = 64
"""Levels of nesting. Decoders give up at a thousand; an event that one decoder can just read must
not become one that another decoder, which finds it inside a list, cannot read."""

MAX_JSON_VALUES: Final = 100_000
"""Values in one request body: a thousand events of a hundred fields. In the largest body they take
40 ms to decode; three million take seconds, during which the server does nothing else."""

PAGE_EVENTS: Final = 500
"""Events written to live subscribers at a time, and the default for one reply."""

REPLAY_EVENTS: Final = 200
"""Events read from the store, and written to a subscriber, at a time during a replay. Other work
runs between pages: a live event waits for about three, and larger pages replay no faster."""

PAGE_BYTES: Final = 1024 * 1024
"""The same bound in bytes: a page ends with the event that reaches it. Joining and sending this
much takes a millisecond, whatever the size of an event."""

SLICE_SENDS: Final = 500
"""Sends of a fan-out in one turn of the event loop: some 5 ms."""

SLICE_BYTES: Final = 8 * 1024 * 1024
"""The same bound in bytes: copying this much to the sockets takes some 5 ms, too."""

SLICE_REPLIES: Final = 16
"""Held polls finished in one turn of the event loop: some 3 ms."""

AHEAD_EVENTS: Final = 500
"""Events that may wait for a fan-out before publishers wait as well (backpressure): one page, which
is what the next write takes."""

AHEAD_BYTES: Final = 8 * 1024 * 1024
"""The same bound in bytes."""

MAX_POLL_EVENTS: Final = 1000
"""Most events in one poll reply."""

MAX_POLL_SECONDS: Final = 60.0
"""Longest held poll: below the idle limit of the usual proxies."""

MAX_PAGE_REQUESTS: Final = 500
"""Most requests in one page of a listing."""

DEFAULT_PAGE_REQUESTS: Final = 100
"""Requests in one page when the caller names no number."""

SAVED_TEXT_CHARS: Final = 20_000
"""Characters of a question, an answer or a context in the formats of a saved notebook that are read
without our code: ten pages. The card's own data beside them has all of it."""

SAVED_NAME_CHARS: Final = 200
"""The same for a name."""

MAX_SEARCH_CHARS: Final = 200
"""Length of a search: what a person types into a search field."""

SEARCHED_REQUESTS: Final = 500
"""Requests that one page of a search looks through: some 30 ms where their contexts are a page
long, so that searching a long log takes many short calls and no long one."""

SEARCHED_BYTES: Final = 4 * 1024 * 1024
"""The same bound in bytes: some 30 ms as well where contexts are large."""

BUFFER_EVENTS: Final = 10_000
"""Live events buffered for one slow subscriber before it is closed (it can resume)."""

BUFFER_BYTES: Final = 16 * 1024 * 1024
"""The same bound in bytes: 10,000 large events must not fill the server's memory."""

BUFFERS_BYTES: Final = 64 * 1024 * 1024
"""Bytes buffered for all slow readers together, including replay pages and replies: a few of the
largest readers, or thousands that are a little behind. Above it the largest one is closed."""

PAGE_HELD_BYTES: Final = 4 * PAGE_BYTES
"""Memory reserved for a page while it is read and sent: it may end with an event as large as a
page, and exists as events and as bytes."""

SHARED_REPLY_BYTES: Final = 64 * 1024
"""Smaller replies are not counted in BUFFERS_BYTES: the system takes them at once."""

STUCK_SECONDS: Final = 5.0
"""How long a reader may hold a page while others wait for buffer space: the largest page at
2 Mbit/s."""

MAX_SUBSCRIPTIONS: Final = 10_000
"""Open subscriptions of one server; one more gets 429."""

MAX_PENDING_REQUESTS: Final = 10_000
"""Open questions of one server; one more gets 429."""

MAX_PENDING_BYTES: Final = 1024 * 1024 * 1024
"""Size of all open questions in the log's file: a thousand of the largest, or a hundred thousand
usual ones. A reader of everything pending reads all of it."""

MAX_PENDING_BYTES_IN_MEMORY: Final = 64 * 1024 * 1024
"""The same for a log in memory."""

OPEN_REQUEST_BYTES: Final = 4 * 1024
"""Up to this size an open question is kept in memory in full, so that an answer is checked without
reading the log. Of a larger one, memory holds only the fields that timers and lists need."""

BRIEF_EVENT_BYTES: Final = 8 * 1024
"""Up to this size every reader gets a question in full: the usual draft of a page or two. Larger
ones are sent in brief to readers that ask for it. Ten thousand questions of this size are 80 MB."""

BRIEF_FIELD_BYTES: Final = 1024
"""Only fields larger than this are left out in brief."""

BRIEF_PROMPT_CHARS: Final = 500
"""Length of the prompt in brief: enough for a line of a list, and to tell questions apart."""

FRAMES_UNDER_WAY: Final = 128
"""Client frames of one connection in progress: those of a busy kernel share one commit."""

PUBLISH_PER_SECOND: Final = 200_000.0
"""Events that one identity may publish: above what one server can store, so that the default limits
nobody by accident; operators with many users set a lower one."""

ANSWERS_PER_SECOND: Final = 20_000.0
"""Answers, claims and cancellations of one identity: above what one server can handle."""

STREAMS_PER_SECOND: Final = 10_000.0
"""Streams and polls that one identity may open: a thousand long-polls wake and return at once."""

READS_PER_SECOND: Final = 10_000.0
"""Listings, single requests and audit pages that one identity may fetch: above what one server can
look up."""

UPLOADS_PER_SECOND: Final = 100.0
"""Files that one identity may upload: a person who attaches a folder, and a crew that asks about
many documents; at the largest size it is what a disk writes."""

FAILURES_PER_SECOND: Final = 1.0
"""Attempts with wrong credentials from one address. A generated key cannot be guessed at any speed;
this protects a short key that a person chose."""

BURST_SECONDS: Final = 2.0
"""Burst of the token buckets, in seconds' worth of the allowed rate."""

FAILURE_BURST_SECONDS: Final = 60.0
"""The same for wrong credentials; only different ones count, so few people reach it."""

MAX_STREAMS_PER_CALLER: Final = 9_000
"""Open streams of one identity: a tenth of the server's are left for others."""

MAX_PENDING_PER_CALLER: Final = 9_000
"""Open questions of one identity: a tenth of the server's are left for others."""

MAX_PENDING_BYTES_PER_CALLER: Final = 768 * 1024 * 1024
"""Size of one identity's open questions: a quarter of the server's is left for others."""

MAX_RETRY_AFTER_SECONDS: Final = 60.0
"""Longest pause that a refusal asks for, and that a client honours."""

HUB_CHECK_SECONDS: Final = 5.0
"""Between two checks of a reader with a JupyterHub: how long a revoked token can still read."""

HUB_SECONDS: Final = 5.0
"""How long a JupyterHub may take to confirm a caller before it counts as unreachable."""

HEARTBEAT_SECONDS: Final = 4.0
"""Below httpx's default read timeout of 5 s, so that a stock client stays connected."""

PRESENCE_GRACE_SECONDS: Final = 6.0
"""How long a waiter may be disconnected before its requests are cancelled. With the bridge's
longest reconnect pause (2 s) this survives a server restart, and it keeps the promise that a dead
kernel's requests are cancelled within 10 s."""

MAX_KNOWN_WAITERS: Final = 100_000
"""Processes whose publisher the server remembers: some 20 MB. For forgotten ones, an open question
still records it."""

RECONNECT_MIN_SECONDS: Final = 0.1
"""First pause before a client reconnects."""

RECONNECT_MAX_SECONDS: Final = 2.0
"""Longest pause before a client reconnects: see PRESENCE_GRACE_SECONDS."""

RETAIN_EVENTS: Final = 1_000_000
"""Events kept in the log; the oldest are pruned first, never those of an open request."""

MEMORY_EVENTS: Final = 50_000
"""Events kept by a log in memory, at some 2 kB each beside their text."""

MEMORY_LOG_BYTES: Final = 64 * 1024 * 1024
"""The same bound in bytes of text, which memory holds twice: as sent, and decoded."""

RETAIN_DAYS: Final = 90.0
"""Days that an event is kept; those of an open request are kept longer."""

AWAKE_HOURS: Final = 24.0
"""How long a waiting question keeps its server from being culled as idle: until the next day."""

CLOSE_GOING_AWAY: Final = 1001
"""WebSocket close: the server stops or cannot read its log (RFC 6455, 7.4.1). Reconnect with the
last event id."""

CLOSE_TRY_AGAIN_LATER: Final = 1013
"""WebSocket close: a frame was too large for what the server can take now (IANA's registry)."""

CLOSE_SLOW_READER: Final = 4408
"""WebSocket close: the reader's buffer is full. Reconnect with the last event id."""

MAX_RULE_CHARS: Final = 2000
"""A tool's name, or its arguments, as a rule compares them: a few lines, which people can read in a
list. Calls with longer ones are asked about each time."""

MAX_RULES: Final = 200
"""Rules that stand at once in a log: each call of a gated tool is compared with those for it."""

RUN_RULE_HOURS: Final = 24
"""How long a rule for a run lives, at most: a run that takes longer asks again."""

NOTEBOOK_RULE_HOURS: Final = 168
"""How long a rule for a notebook lives: a week, after which people may have forgotten it."""
