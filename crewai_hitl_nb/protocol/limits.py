"""Every default and cap, in one place, each with its reason.

Whoever needs another value passes it to the part in question (a traitlet, a parameter);
nobody repeats a number from here.
"""

from typing import Final

MAX_ID_CHARS: Final = 200
"""Ids are opaque; 200 holds any UUID, path-like name or hash and keeps the indexes small."""

MAX_TYPE_CHARS: Final = 100
"""An event type is a word, not a text."""

MAX_EVENT_BYTES: Final = 1024 * 1024
"""One event, encoded. A draft under review fits; a data set does not belong in a question."""

MAX_BODY_BYTES: Final = 8 * 1024 * 1024
"""One request body: a batch of events. Above it the answer is 413."""

MAX_STRANGER_BODY_BYTES: Final = 64 * 1024
"""One request body of somebody who did not say who they are. It is not kept; it is read so that
the refusal reaches a client that sends its body first. Above it the connection ends."""

MAX_HEAD_BYTES: Final = 32 * 1024
"""One request's line and headers, of the standalone server: four times what browsers send."""

HEAD_SECONDS: Final = 20.0
"""How long a connection may take to its first request, in the standalone server: slow phones
need a few. Browsers open connections ahead, and open another when one is closed."""

BODY_SECONDS: Final = 60.0
"""How long a request body may take: the largest at one Mbit/s."""

MAX_BODIES_BYTES: Final = 32 * 1024 * 1024
"""Request bodies and frames up of all callers together, until they are dealt with: four of the
largest. Decoded and encoded again they are some three times as much."""

MAX_STRANGERS: Final = 1000
"""Connections to the standalone server whose caller is not known, at once: with a head each that is
not whole, some 60 MB. One more closes the oldest."""

MAX_STRANGERS_PER_ADDRESS: Final = 500
"""The same for one address: half is left to others."""

LISTEN_BACKLOG: Final = 512
"""Connections that wait to be accepted: so many with the largest heads are read within a second.
Above that the system drops what comes, and whoever came asks again after a second, or three."""

ACCEPTED_IN_A_TURN: Final = 32
"""Connections that are accepted before other work of the loop has its turn: a request is answered
in a few turns, and in those come fewer strangers than close the one that was there longest."""

SPARE_FILES: Final = 32
"""Descriptors that connections leave to the log's files and to callers who are let in."""

ACCEPT_PAUSE_SECONDS: Final = 0.5
"""How long no connection is accepted when there is no descriptor for it: asking again at once
is all that the server would do."""

MAX_BATCH_EVENTS: Final = 1000
"""Events in one publish call: the write of one batch stays well under a loop's 50 ms."""

MAX_FEEDBACK_CHARS: Final = 200_000
"""An answer typed or pasted by a person: a long document."""

MAX_CONTEXT_CHARS: Final = 64_000
"""What the bridge puts under a question; the cut is said in the text."""

MAX_OPTIONS: Final = 200
"""Options of one question: more than this is a search box, not a choice."""

MAX_SCHEMA_PROPERTIES: Final = 100
"""Fields of one form."""

MAX_SCHEMA_CHOICES: Final = 1000
"""Choices of one field: every country or currency fits, a catalogue does not."""

MAX_JSON_DEPTH: Final = 64
"""Brackets within brackets. Decoders give up at a thousand; what one of them can just read
must not become an event that the next one, which finds it in a list, cannot."""

MAX_JSON_VALUES: Final = 100_000
"""Values in one request body: a thousand events of a hundred fields. As many, in the largest body,
are read in 40 ms; three million take seconds, in which a server does nothing else."""

PAGE_EVENTS: Final = 500
"""Events written to live subscribers at a time, and in one reply to who names no number."""

REPLAY_EVENTS: Final = 200
"""Events read from a store, and written to a subscriber, at a time while it replays. Others have
their turn between two pages: a live event waits for about three, and more in a page replay no
faster."""

PAGE_BYTES: Final = 1024 * 1024
"""The same bound in bytes: a page ends with the event that reaches it. Joining and sending so
much takes a millisecond, whatever the size of an event."""

SLICE_SENDS: Final = 500
"""Sends of a fan-out before other work of the loop has its turn: some 5 ms."""

SLICE_BYTES: Final = 8 * 1024 * 1024
"""The same bound in bytes: copying so much to the sockets takes some 5 ms, too."""

SLICE_REPLIES: Final = 16
"""Replies to held calls that are ended in one turn of the loop: some 3 ms."""

AHEAD_EVENTS: Final = 500
"""Events that wait for the same fan-out before those who publish wait, too: one page, which is
what the next write takes."""

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

MAX_SEARCH_CHARS: Final = 200
"""What a person types into a search field; more is a text to compare, not words to find."""

SEARCHED_REQUESTS: Final = 500
"""Requests that one page of a search looks through: some 30 ms of a reader's time where their
contexts are a page long, so that a search of a long log is many short calls and no long one."""

SEARCHED_BYTES: Final = 4 * 1024 * 1024
"""The same bound in bytes: some 30 ms as well where contexts are large."""

BUFFER_EVENTS: Final = 10_000
"""Live events that wait for one slow subscriber before it is closed (resumable)."""

BUFFER_BYTES: Final = 16 * 1024 * 1024
"""The same bound in bytes: 10,000 large events must not fill the server."""

BUFFERS_BYTES: Final = 64 * 1024 * 1024
"""What waits for all slow readers together, pages of replays and replies among it: a few of the
largest readers, or thousands that are a little behind. Above it the largest one is closed."""

PAGE_HELD_BYTES: Final = 4 * PAGE_BYTES
"""What a page may come to while it is read, written and sent: it ends with an event that may be as
large as a page itself, and is there as events and as bytes."""

SHARED_REPLY_BYTES: Final = 64 * 1024
"""Smaller replies are not counted among these: the system takes them from us at once."""

STUCK_SECONDS: Final = 5.0
"""How long a reader may keep a page while others wait for room to read theirs: the largest page
by a line of two Mbit/s."""

MAX_SUBSCRIPTIONS: Final = 10_000
"""Open subscriptions of one server; one more is refused with 429."""

MAX_PENDING_REQUESTS: Final = 10_000
"""Open questions of one server; one more is refused with 429."""

MAX_PENDING_BYTES: Final = 1024 * 1024 * 1024
"""What open questions come to, in the log's file: a thousand of the largest, or a hundred
thousand usual ones. Whoever reads the whole of what is open reads all of them."""

MAX_PENDING_BYTES_IN_MEMORY: Final = 64 * 1024 * 1024
"""The same for a log that is kept in memory."""

OPEN_REQUEST_BYTES: Final = 4 * 1024
"""Up to this size an open question is kept in memory whole, so that an answer is checked without a
look into the log. Of a larger one there are only the fields that timers and lists need."""

BRIEF_EVENT_BYTES: Final = 8 * 1024
"""Up to this size a question is whole for every reader: the usual draft of a page or two. Larger
ones are sent in brief to who asks for that, ten thousand of the largest usual ones in 80 MB."""

BRIEF_FIELD_BYTES: Final = 1024
"""A field of such a question that is left out is larger than this."""

BRIEF_PROMPT_CHARS: Final = 500
"""What stays of its prompt: what fits into the line of a list, and tells questions apart."""

FRAMES_UNDER_WAY: Final = 128
"""Frames up that one connection has under way: a busy kernel's share one commit."""

PUBLISH_PER_SECOND: Final = 200_000.0
"""Events that one identity may publish: above what one server can store, so that it stops
nobody by accident; an operator with many users sets a share."""

ANSWERS_PER_SECOND: Final = 20_000.0
"""Answers, claims and cancellations of one identity: above what one server can take."""

STREAMS_PER_SECOND: Final = 10_000.0
"""Streams and polls that one identity may open: a thousand long-polls
wake at once and come back."""

READS_PER_SECOND: Final = 10_000.0
"""Listings, single requests and pages of the trail that one identity may ask for: above what one
server can look up."""

FAILURES_PER_SECOND: Final = 1.0
"""Attempts with wrong credentials from one address. Guessing a key of a server's own making is
hopeless at any speed; this keeps the short one that a person chose from being guessed."""

BURST_SECONDS: Final = 2.0
"""Who was quiet may do at once what takes this long at the allowed rate."""

FAILURE_BURST_SECONDS: Final = 60.0
"""The same for wrong credentials; only different ones count, so few people ever see it."""

MAX_STREAMS_PER_CALLER: Final = 9_000
"""Open streams of one identity: a tenth of the server's is left to others."""

MAX_PENDING_PER_CALLER: Final = 9_000
"""Open questions of one identity: likewise."""

MAX_PENDING_BYTES_PER_CALLER: Final = 768 * 1024 * 1024
"""What open questions of one identity come to: a quarter of the server's is left to others."""

MAX_RETRY_AFTER_SECONDS: Final = 60.0
"""Longest pause that a refusal asks for, and that a client keeps when it is asked."""

HUB_CHECK_SECONDS: Final = 5.0
"""Between two questions to a JupyterHub about a reader: how long a revoked token reads on."""

HUB_SECONDS: Final = 5.0
"""How long a JupyterHub may take to say whether a caller is still let in; then it is away."""

HEARTBEAT_SECONDS: Final = 4.0
"""Below httpx's default read timeout of 5 s, so that a stock client stays connected."""

PRESENCE_GRACE_SECONDS: Final = 6.0
"""How long a waiter may be away before its requests turn cancelled. With the longest
reconnect pause of the bridge (2 s) it survives a server restart; it keeps the promise
that a dead kernel's requests are cancelled within 10 s."""

MAX_KNOWN_WAITERS: Final = 100_000
"""Processes of which the server remembers who published in their name: some 20 MB. Of those that
were forgotten an open question still knows it."""

RECONNECT_MIN_SECONDS: Final = 0.1
"""First pause before a client connects again."""

RECONNECT_MAX_SECONDS: Final = 2.0
"""Longest pause before a client connects again: see PRESENCE_GRACE_SECONDS."""

RETAIN_EVENTS: Final = 1_000_000
"""Events kept in the log; older ones go first, never one of an open request."""

MEMORY_EVENTS: Final = 50_000
"""Events kept where the log is in memory only, at some 2 kB each beside their text."""

MEMORY_LOG_BYTES: Final = 64 * 1024 * 1024
"""The same bound in bytes of their text, which stands there twice: as sent, and decoded."""

RETAIN_DAYS: Final = 90.0
"""Days that an event is kept; never one of an open request is dropped."""

AWAKE_HOURS: Final = 24.0
"""How long a waiting question keeps its server from looking idle: until the next day's work."""

CLOSE_GOING_AWAY: Final = 1001
"""WebSocket close: the server stops. Connect again with the last event id (RFC 6455, 7.4.1)."""

CLOSE_SLOW_READER: Final = 4408
"""WebSocket close: the bounded buffer is full. Connect again with the last event id."""
