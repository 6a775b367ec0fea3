// Generated from crewai_hitl_nb/protocol by `npm run generate`. Do not edit.

/**
 * The command is done; ``body`` is what the equivalent POST returns.
 */
export interface Ack {
  type: "ack";
  ref: string;
  body: unknown;
}
/**
 * A call that an agent made for its task before it asked.
 */
export interface AgentStep {
  number: number;
  kind: "model" | "tool";
  name: string;
  input: string;
  output: string;
}
/**
 * The body of an answer, as sent.
 */
export interface Answer {
  human_feedback?: string;
  decision?: ("approve" | "edit" | "reject" | "respond") | null;
  option?: string | null;
  options?: string[] | null;
  values?: {
    [k: string]: unknown;
  } | null;
  rule?: ("arguments" | "notebook" | "run") | null;
  via?: string;
  idempotency_key?: string | null;
}
/**
 * Answer a request; the other fields are those of an answer's body.
 */
export interface AnswerFrame {
  type: "answer";
  ref: string;
  request_id: string;
}
/**
 * The person (by the host's identity) and the surface they used.
 */
export interface AnsweredBy {
  name: string;
  via: string;
}
/**
 * Cancel a request: nobody waits for its answer any longer.
 */
export interface CancelFrame {
  type: "cancel";
  ref: string;
  request_id: string;
  reason?: "interrupted" | "run_failed" | "source_lost" | "withdrawn";
}
/**
 * Claim a request: tell others that somebody is working on it.
 */
export interface ClaimFrame {
  type: "claim";
  ref: string;
  request_id: string;
  via?: string;
}
/**
 * One wrong field: its dotted path in the body, and the reason.
 */
export interface FieldError {
  field: string;
  message: string;
}
/**
 * A file of a request, as events refer to it.
 */
export interface FileReference {
  name: string;
  media_type: string;
  size: number;
  sha256: string;
}
/**
 * The requested replay is not possible; the full retained state follows.
 */
export interface Gap {
  type: "gap";
  reason: "pruned" | "unknown_event_id";
  last_event_id: string;
  epoch: string;
  message: string;
}
/**
 * A tool call that waits at a gate, as rules compare it.
 */
export interface GatedCall {
  tool: string;
  arguments: string | null;
}
/**
 * The connection is live; ``offset`` is the log's top. The first heartbeat ends the replay.
 */
export interface Heartbeat {
  type: "heartbeat";
  timestamp: string;
  epoch: string;
  offset: number;
}
/**
 * The request was withdrawn, or the process that asked is gone.
 */
export interface HumanInputCancelled {
  type: "human_input_cancelled";
  event_id: string;
  timestamp: string;
  execution_id: string | null;
  crew_id: string | null;
  task_id: string | null;
  agent_id: string | null;
  offset: number | null;
  request_id: string;
  reason: "interrupted" | "run_failed" | "source_lost" | "withdrawn";
  message: string;
}
/**
 * A person is working on the answer. Advisory: others can still answer.
 */
export interface HumanInputClaimed {
  type: "human_input_claimed";
  event_id: string;
  timestamp: string;
  execution_id: string | null;
  crew_id: string | null;
  task_id: string | null;
  agent_id: string | null;
  offset: number | null;
  request_id: string;
  claimed_by: AnsweredBy;
}
/**
 * The winning answer.
 */
export interface HumanInputCompleted {
  type: "human_input_completed";
  event_id: string;
  timestamp: string;
  execution_id: string | null;
  crew_id: string | null;
  task_id: string | null;
  agent_id: string | null;
  offset: number | null;
  request_id: string | null;
  human_feedback: string;
  decision: ("approve" | "edit" | "reject" | "respond") | null;
  options: string[] | null;
  values: {
    [k: string]: unknown;
  } | null;
  answered_by: AnsweredBy | null;
  rule?: Rule;
  by_rule?: string;
}
/**
 * What a person allowed beyond the call that they were asked about (``rules.py``).
 */
export interface Rule {
  scope: "arguments" | "notebook" | "run";
  tool: string;
  asker: string;
  hours: number;
  execution_id: string | null;
  arguments: string | null;
  agent: string | null;
  notebook: string | null;
}
/**
 * The deadline passed without an answer.
 */
export interface HumanInputExpired {
  type: "human_input_expired";
  event_id: string;
  timestamp: string;
  execution_id: string | null;
  crew_id: string | null;
  task_id: string | null;
  agent_id: string | null;
  offset: number | null;
  request_id: string;
}
/**
 * ``remind_at`` has passed without an answer.
 */
export interface HumanInputReminded {
  type: "human_input_reminded";
  event_id: string;
  timestamp: string;
  execution_id: string | null;
  crew_id: string | null;
  task_id: string | null;
  agent_id: string | null;
  offset: number | null;
  request_id: string;
}
/**
 * A crew asks a person and waits.
 */
export interface HumanInputRequired {
  type: "human_input_required";
  event_id: string;
  timestamp: string;
  execution_id: string | null;
  crew_id: string | null;
  task_id: string | null;
  agent_id: string | null;
  offset: number | null;
  request_id: string;
  prompt: string;
  context: string;
  reason_flags: {
    [k: string]: boolean;
  };
  kind: "flow_feedback" | "llm_approval" | "question" | "task_feedback" | "tool_approval" | "training_feedback";
  response: Response;
  source: Source;
  round: number;
  expires_at: string | null;
  remind_at: string | null;
  assignee: string | null;
  draft: string | null;
  history: Round[];
  pause: Pause | null;
  attachments: {
    [k: string]: {
      [k: string]: unknown;
    };
  };
  /**
   * @maxItems 30
   */
  steps: AgentStep[];
  call?: GatedCall;
}
/**
 * Which answers a request accepts.
 */
export interface Response {
  /**
   * @minItems 1
   */
  decisions: ("approve" | "edit" | "reject" | "respond")[];
  options: string[] | null;
  multiple: boolean;
  schema: {
    [k: string]: unknown;
  } | null;
  default: {
    [k: string]: unknown;
  };
  on_expiry: "default" | "fail" | "wait";
  /**
   * @maxItems 100
   */
  errors?: FieldError[];
}
/**
 * Who asks and who waits for the answer.
 */
export interface Source {
  id: string | null;
  kernel_id: string | null;
  notebook: string | null;
  cell_id: string | null;
  crew_name: string | null;
  task_name: string | null;
  agent_role: string | null;
  flow_name: string | null;
  tool_name: string | null;
  host: string | null;
  pid: number | null;
}
/**
 * An earlier round of a question: the draft, and what a person or a guardrail said to it.
 */
export interface Round {
  draft: string;
  feedback: string;
}
/**
 * A flow that was saved and ended its run; its question waits without a process.
 */
export interface Pause {
  flow_id: string;
  flow_class: string;
  persistence: string | null;
}
/**
 * Publish these events.
 */
export interface PublishFrame {
  type: "publish";
  ref: string;
  events: unknown;
}
/**
 * Which answers a request accepts.
 */
export interface Response1 {
  /**
   * @minItems 1
   */
  decisions: ("approve" | "edit" | "reject" | "respond")[];
  options: string[] | null;
  multiple: boolean;
  schema: {
    [k: string]: unknown;
  } | null;
  default: {
    [k: string]: unknown;
  };
  on_expiry: "default" | "fail" | "wait";
  /**
   * @maxItems 100
   */
  errors?: FieldError[];
}
/**
 * Somebody asked a run to stop, from the surface ``via``. The run then ends by itself.
 */
export interface RunCancelRequested {
  type: "run_cancel_requested";
  event_id: string;
  timestamp: string;
  execution_id: string;
  crew_id: string | null;
  offset: number | null;
  via: string | null;
}
/**
 * A run was stopped: by hand, an interrupt, a rerun of its cell, or the end of its process.
 */
export interface RunCancelled {
  type: "run_cancelled";
  event_id: string;
  timestamp: string;
  execution_id: string;
  crew_id: string | null;
  offset: number | null;
  reason: "interrupted" | "replaced" | "source_lost" | "withdrawn";
}
/**
 * A run failed; ``cause`` lists the underlying errors, one per line.
 */
export interface RunFailed {
  type: "run_failed";
  event_id: string;
  timestamp: string;
  execution_id: string;
  crew_id: string | null;
  offset: number | null;
  error: string;
  cause: string | null;
}
/**
 * A run finished; ``result`` is Markdown of bounded length, and a cut is marked.
 */
export interface RunFinished {
  type: "run_finished";
  event_id: string;
  timestamp: string;
  execution_id: string;
  crew_id: string | null;
  offset: number | null;
  result: string;
}
/**
 * A flow was saved until its question is answered; its process may end.
 */
export interface RunPaused {
  type: "run_paused";
  event_id: string;
  timestamp: string;
  execution_id: string;
  crew_id: string | null;
  offset: number | null;
}
/**
 * A run began, or continues after a pause.
 */
export interface RunStarted {
  type: "run_started";
  event_id: string;
  timestamp: string;
  execution_id: string;
  crew_id: string | null;
  offset: number | null;
  name: string;
  kind: "crew" | "flow";
  /**
   * @maxItems 1000
   */
  tasks: Step[];
  source: Source1;
}
/**
 * A task of a crew, or a method of a flow.
 */
export interface Step {
  id: string;
  name: string;
  agent: string | null;
}
/**
 * Who asks and who waits for the answer.
 */
export interface Source1 {
  id: string | null;
  kernel_id: string | null;
  notebook: string | null;
  cell_id: string | null;
  crew_name: string | null;
  task_name: string | null;
  agent_role: string | null;
  flow_name: string | null;
  tool_name: string | null;
  host: string | null;
  pid: number | null;
}
/**
 * A step failed.
 */
export interface RunTaskFailed {
  type: "run_task_failed";
  event_id: string;
  timestamp: string;
  execution_id: string;
  crew_id: string | null;
  offset: number | null;
  task_id: string;
  task_name: string;
  agent_role: string | null;
  error: string;
}
/**
 * A step finished without an error.
 */
export interface RunTaskFinished {
  type: "run_task_finished";
  event_id: string;
  timestamp: string;
  execution_id: string;
  crew_id: string | null;
  offset: number | null;
  task_id: string;
  task_name: string;
  agent_role: string | null;
}
/**
 * A step began, possibly not for the first time.
 */
export interface RunTaskStarted {
  type: "run_task_started";
  event_id: string;
  timestamp: string;
  execution_id: string;
  crew_id: string | null;
  offset: number | null;
  task_id: string;
  task_name: string;
  agent_role: string | null;
}
/**
 * Who asks and who waits for the answer.
 */
export interface Source2 {
  id: string | null;
  kernel_id: string | null;
  notebook: string | null;
  cell_id: string | null;
  crew_name: string | null;
  task_name: string | null;
  agent_role: string | null;
  flow_name: string | null;
  tool_name: string | null;
  host: string | null;
  pid: number | null;
}

export const MAX_ID_CHARS = 200 as const;
export const MAX_TYPE_CHARS = 100 as const;
export const MAX_EVENT_BYTES = 1048576 as const;
export const MAX_BODY_BYTES = 8388608 as const;
export const MAX_STRANGER_BODY_BYTES = 65536 as const;
export const MAX_HEAD_BYTES = 32768 as const;
export const HEAD_SECONDS = 20 as const;
export const BODY_SECONDS = 60 as const;
export const MAX_BODIES_BYTES = 33554432 as const;
export const MAX_STRANGERS = 1000 as const;
export const MAX_STRANGERS_PER_ADDRESS = 500 as const;
export const LISTEN_BACKLOG = 512 as const;
export const ACCEPTED_IN_A_TURN = 32 as const;
export const SPARE_FILES = 32 as const;
export const ACCEPT_PAUSE_SECONDS = 0.5 as const;
export const MAX_BATCH_EVENTS = 1000 as const;
export const MAX_FEEDBACK_CHARS = 200000 as const;
export const MAX_CONTEXT_CHARS = 64000 as const;
export const MAX_ATTACHMENTS_BYTES = 524288 as const;
export const MAX_TABLE_BYTES = 262144 as const;
export const MAX_FILE_BYTES = 8388608 as const;
export const MAX_FILE_NAME_BYTES = 255 as const;
export const MAX_FILES_PER_REQUEST = 32 as const;
export const MAX_FILES_BYTES_PER_REQUEST = 67108864 as const;
export const MAX_FILES_BYTES = 4294967296 as const;
export const MAX_FILES_BYTES_IN_MEMORY = 67108864 as const;
export const MAX_UNUSED_BYTES_PER_CALLER = 536870912 as const;
export const MAX_UNUSED_FILES_PER_CALLER = 5000 as const;
export const UNUSED_FILE_SECONDS = 86400 as const;
export const MAX_ACCEPTED_KINDS = 50 as const;
export const MAX_STEPS = 30 as const;
export const MAX_STEP_CHARS = 300 as const;
export const MAX_OPTIONS = 200 as const;
export const MAX_SCHEMA_PROPERTIES = 100 as const;
export const MAX_FORM_DEPTH = 4 as const;
export const MAX_FORM_ROWS = 200 as const;
export const MAX_FORM_VALUES = 5000 as const;
export const MAX_SCHEMA_CHOICES = 1000 as const;
export const MAX_JSON_DEPTH = 64 as const;
export const MAX_JSON_VALUES = 100000 as const;
export const PAGE_EVENTS = 500 as const;
export const REPLAY_EVENTS = 200 as const;
export const PAGE_BYTES = 1048576 as const;
export const SLICE_SENDS = 500 as const;
export const SLICE_BYTES = 8388608 as const;
export const SLICE_REPLIES = 16 as const;
export const AHEAD_EVENTS = 500 as const;
export const AHEAD_BYTES = 8388608 as const;
export const MAX_POLL_EVENTS = 1000 as const;
export const MAX_POLL_SECONDS = 60 as const;
export const MAX_PAGE_REQUESTS = 500 as const;
export const DEFAULT_PAGE_REQUESTS = 100 as const;
export const SAVED_TEXT_CHARS = 20000 as const;
export const SAVED_NAME_CHARS = 200 as const;
export const MAX_SEARCH_CHARS = 200 as const;
export const SEARCHED_REQUESTS = 500 as const;
export const SEARCHED_BYTES = 4194304 as const;
export const BUFFER_EVENTS = 10000 as const;
export const BUFFER_BYTES = 16777216 as const;
export const BUFFERS_BYTES = 67108864 as const;
export const PAGE_HELD_BYTES = 4194304 as const;
export const SHARED_REPLY_BYTES = 65536 as const;
export const STUCK_SECONDS = 5 as const;
export const MAX_SUBSCRIPTIONS = 10000 as const;
export const MAX_PENDING_REQUESTS = 10000 as const;
export const MAX_PENDING_BYTES = 1073741824 as const;
export const MAX_PENDING_BYTES_IN_MEMORY = 67108864 as const;
export const OPEN_REQUEST_BYTES = 4096 as const;
export const BRIEF_EVENT_BYTES = 8192 as const;
export const BRIEF_FIELD_BYTES = 1024 as const;
export const BRIEF_PROMPT_CHARS = 500 as const;
export const FRAMES_UNDER_WAY = 128 as const;
export const PUBLISH_PER_SECOND = 200000 as const;
export const ANSWERS_PER_SECOND = 20000 as const;
export const STREAMS_PER_SECOND = 10000 as const;
export const READS_PER_SECOND = 10000 as const;
export const UPLOADS_PER_SECOND = 100 as const;
export const FAILURES_PER_SECOND = 1 as const;
export const BURST_SECONDS = 2 as const;
export const FAILURE_BURST_SECONDS = 60 as const;
export const MAX_STREAMS_PER_CALLER = 9000 as const;
export const MAX_PENDING_PER_CALLER = 9000 as const;
export const MAX_PENDING_BYTES_PER_CALLER = 805306368 as const;
export const MAX_RETRY_AFTER_SECONDS = 60 as const;
export const HUB_CHECK_SECONDS = 5 as const;
export const HUB_SECONDS = 5 as const;
export const HEARTBEAT_SECONDS = 4 as const;
export const PRESENCE_GRACE_SECONDS = 6 as const;
export const MAX_KNOWN_WAITERS = 100000 as const;
export const RECONNECT_MIN_SECONDS = 0.1 as const;
export const RECONNECT_MAX_SECONDS = 2 as const;
export const RETAIN_EVENTS = 1000000 as const;
export const MEMORY_EVENTS = 50000 as const;
export const MEMORY_LOG_BYTES = 67108864 as const;
export const RETAIN_DAYS = 90 as const;
export const AWAKE_HOURS = 24 as const;
export const CLOSE_GOING_AWAY = 1001 as const;
export const CLOSE_TRY_AGAIN_LATER = 1013 as const;
export const CLOSE_SLOW_READER = 4408 as const;
export const MAX_RULE_CHARS = 2000 as const;
export const MAX_RULES = 200 as const;
export const RUN_RULE_HOURS = 24 as const;
export const NOTEBOOK_RULE_HOURS = 168 as const;
export const RETRY_STATUSES = [424,429,502,503,504] as const;
export const EVENT_TYPES = ["human_input_required","human_input_claimed","human_input_reminded","human_input_completed","human_input_cancelled","human_input_expired"] as const;
export const OPENING_TYPE = "human_input_required" as const;
export const TRANSITIONS = [[null,"human_input_required","pending"],["pending","human_input_claimed","pending"],["pending","human_input_reminded","pending"],["pending","human_input_completed","answered"],["pending","human_input_cancelled","cancelled"],["pending","human_input_expired","expired"]] as const;
export const CLOSING_TYPES = ["human_input_completed","human_input_cancelled","human_input_expired"] as const;
export const REVOKED_TYPE = "human_input_rule_revoked" as const;
export const SURFACES = ["api","card","cli","console","default","inbox","lab","page","panel","resume","rule","widget"] as const;
export const RUN_TYPES = ["run_started","run_task_started","run_task_finished","run_task_failed","run_paused","run_finished","run_failed","run_cancelled","run_cancel_requested"] as const;
export const RUN_TRANSITIONS = [[null,"run_started","running"],["running","run_paused","paused"],["paused","run_started","running"],["running","run_cancel_requested","running"],["running","run_finished","finished"],["running","run_failed","failed"],["running","run_cancelled","cancelled"],["paused","run_finished","finished"],["paused","run_failed","failed"],["paused","run_cancelled","cancelled"]] as const;
export const STEP_STATUS = {"run_task_started":"working","run_task_finished":"done","run_task_failed":"failed"} as const;
export const FILE_MEDIA_TYPE = "application/vnd.crewai-hitl.file+json" as const;
export const HIDDEN = [[0,31],[127,159],[173,173],[847,847],[1536,1541],[1564,1564],[1757,1757],[1807,1807],[2192,2193],[2274,2274],[4447,4448],[6068,6069],[6155,6159],[8203,8207],[8232,8238],[8288,8303],[12644,12644],[55296,57343],[65024,65039],[65279,65279],[65440,65440],[65520,65531],[69821,69821],[69837,69837],[78896,78911],[113824,113827],[119155,119162],[917504,921599]] as const;

export const DEFS = {
 "Ack": {
  "type": "object",
  "properties": {
   "type": {
    "enum": [
     "ack"
    ]
   },
   "ref": {
    "type": "string"
   },
   "body": {}
  },
  "required": [
   "type",
   "ref",
   "body"
  ]
 },
 "AgentStep": {
  "type": "object",
  "properties": {
   "number": {
    "type": "integer"
   },
   "kind": {
    "enum": [
     "model",
     "tool"
    ]
   },
   "name": {
    "type": "string"
   },
   "input": {
    "type": "string",
    "default": ""
   },
   "output": {
    "type": "string",
    "default": ""
   }
  },
  "required": [
   "number",
   "kind",
   "name"
  ]
 },
 "AnsweredBy": {
  "type": "object",
  "properties": {
   "name": {
    "type": "string"
   },
   "via": {
    "type": "string",
    "default": "api"
   }
  },
  "required": [
   "name"
  ]
 },
 "FieldError": {
  "type": "object",
  "properties": {
   "field": {
    "type": "string"
   },
   "message": {
    "type": "string"
   }
  },
  "required": [
   "field",
   "message"
  ]
 },
 "Gap": {
  "type": "object",
  "properties": {
   "type": {
    "enum": [
     "gap"
    ]
   },
   "reason": {
    "enum": [
     "pruned",
     "unknown_event_id"
    ]
   },
   "last_event_id": {
    "type": "string"
   },
   "epoch": {
    "type": "string"
   },
   "message": {
    "type": "string"
   }
  },
  "required": [
   "type",
   "reason",
   "last_event_id",
   "epoch",
   "message"
  ]
 },
 "GatedCall": {
  "type": "object",
  "properties": {
   "tool": {
    "type": "string"
   },
   "arguments": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   }
  },
  "required": [
   "tool"
  ]
 },
 "Heartbeat": {
  "type": "object",
  "properties": {
   "type": {
    "enum": [
     "heartbeat"
    ]
   },
   "timestamp": {
    "type": "string"
   },
   "epoch": {
    "type": "string"
   },
   "offset": {
    "type": "integer"
   }
  },
  "required": [
   "type",
   "timestamp",
   "epoch",
   "offset"
  ]
 },
 "HumanInputCancelled": {
  "type": "object",
  "properties": {
   "type": {
    "enum": [
     "human_input_cancelled"
    ]
   },
   "event_id": {
    "type": "string"
   },
   "timestamp": {
    "type": "string"
   },
   "execution_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "crew_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "task_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "agent_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "offset": {
    "anyOf": [
     {
      "type": "integer"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "request_id": {
    "type": "string"
   },
   "reason": {
    "enum": [
     "interrupted",
     "run_failed",
     "source_lost",
     "withdrawn"
    ]
   },
   "message": {
    "type": "string",
    "default": ""
   }
  },
  "required": [
   "type",
   "event_id",
   "timestamp",
   "request_id",
   "reason"
  ]
 },
 "HumanInputClaimed": {
  "type": "object",
  "properties": {
   "type": {
    "enum": [
     "human_input_claimed"
    ]
   },
   "event_id": {
    "type": "string"
   },
   "timestamp": {
    "type": "string"
   },
   "execution_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "crew_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "task_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "agent_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "offset": {
    "anyOf": [
     {
      "type": "integer"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "request_id": {
    "type": "string"
   },
   "claimed_by": {
    "$ref": "#/$defs/AnsweredBy"
   }
  },
  "required": [
   "type",
   "event_id",
   "timestamp",
   "request_id",
   "claimed_by"
  ]
 },
 "HumanInputCompleted": {
  "type": "object",
  "properties": {
   "type": {
    "enum": [
     "human_input_completed"
    ]
   },
   "event_id": {
    "type": "string"
   },
   "timestamp": {
    "type": "string"
   },
   "execution_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "crew_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "task_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "agent_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "offset": {
    "anyOf": [
     {
      "type": "integer"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "request_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "human_feedback": {
    "type": "string",
    "default": ""
   },
   "decision": {
    "anyOf": [
     {
      "enum": [
       "approve",
       "edit",
       "reject",
       "respond"
      ]
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "options": {
    "anyOf": [
     {
      "type": "array",
      "items": {
       "type": "string"
      }
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "values": {
    "anyOf": [
     {
      "type": "object"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "answered_by": {
    "anyOf": [
     {
      "$ref": "#/$defs/AnsweredBy"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "rule": {
    "$ref": "#/$defs/Rule"
   },
   "by_rule": {
    "type": "string"
   }
  },
  "required": [
   "type",
   "event_id",
   "timestamp"
  ]
 },
 "HumanInputExpired": {
  "type": "object",
  "properties": {
   "type": {
    "enum": [
     "human_input_expired"
    ]
   },
   "event_id": {
    "type": "string"
   },
   "timestamp": {
    "type": "string"
   },
   "execution_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "crew_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "task_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "agent_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "offset": {
    "anyOf": [
     {
      "type": "integer"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "request_id": {
    "type": "string"
   }
  },
  "required": [
   "type",
   "event_id",
   "timestamp",
   "request_id"
  ]
 },
 "HumanInputReminded": {
  "type": "object",
  "properties": {
   "type": {
    "enum": [
     "human_input_reminded"
    ]
   },
   "event_id": {
    "type": "string"
   },
   "timestamp": {
    "type": "string"
   },
   "execution_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "crew_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "task_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "agent_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "offset": {
    "anyOf": [
     {
      "type": "integer"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "request_id": {
    "type": "string"
   }
  },
  "required": [
   "type",
   "event_id",
   "timestamp",
   "request_id"
  ]
 },
 "HumanInputRequired": {
  "type": "object",
  "properties": {
   "type": {
    "enum": [
     "human_input_required"
    ]
   },
   "event_id": {
    "type": "string"
   },
   "timestamp": {
    "type": "string"
   },
   "execution_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "crew_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "task_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "agent_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "offset": {
    "anyOf": [
     {
      "type": "integer"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "request_id": {
    "type": "string"
   },
   "prompt": {
    "type": "string"
   },
   "context": {
    "type": "string",
    "default": ""
   },
   "reason_flags": {
    "type": "object",
    "additionalProperties": {
     "type": "boolean"
    },
    "default": {}
   },
   "kind": {
    "enum": [
     "flow_feedback",
     "llm_approval",
     "question",
     "task_feedback",
     "tool_approval",
     "training_feedback"
    ],
    "default": "task_feedback"
   },
   "response": {
    "$ref": "#/$defs/Response",
    "default": {
     "decisions": [
      "approve",
      "respond"
     ],
     "options": null,
     "multiple": false,
     "schema": null,
     "default": null,
     "on_expiry": "fail"
    }
   },
   "source": {
    "$ref": "#/$defs/Source",
    "default": {}
   },
   "round": {
    "type": "integer",
    "default": 1
   },
   "expires_at": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "remind_at": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "assignee": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "draft": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "history": {
    "type": "array",
    "items": {
     "$ref": "#/$defs/Round"
    },
    "default": []
   },
   "pause": {
    "anyOf": [
     {
      "$ref": "#/$defs/Pause"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "attachments": {
    "type": "object",
    "additionalProperties": {
     "type": "object"
    },
    "default": {}
   },
   "steps": {
    "type": "array",
    "items": {
     "$ref": "#/$defs/AgentStep"
    },
    "default": []
   },
   "call": {
    "$ref": "#/$defs/GatedCall"
   }
  },
  "required": [
   "type",
   "event_id",
   "timestamp",
   "request_id",
   "prompt"
  ]
 },
 "Pause": {
  "type": "object",
  "properties": {
   "flow_id": {
    "type": "string"
   },
   "flow_class": {
    "type": "string"
   },
   "persistence": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   }
  },
  "required": [
   "flow_id",
   "flow_class"
  ]
 },
 "Response": {
  "type": "object",
  "properties": {
   "decisions": {
    "type": "array",
    "items": {
     "enum": [
      "approve",
      "edit",
      "reject",
      "respond"
     ]
    },
    "default": [
     "approve",
     "respond"
    ]
   },
   "options": {
    "anyOf": [
     {
      "type": "array",
      "items": {
       "type": "string"
      }
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "multiple": {
    "type": "boolean",
    "default": false
   },
   "schema": {
    "anyOf": [
     {
      "type": "object"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "default": {
    "default": null
   },
   "on_expiry": {
    "enum": [
     "default",
     "fail",
     "wait"
    ],
    "default": "fail"
   },
   "errors": {
    "type": "array",
    "items": {
     "$ref": "#/$defs/FieldError"
    }
   }
  },
  "required": []
 },
 "Round": {
  "type": "object",
  "properties": {
   "draft": {
    "type": "string"
   },
   "feedback": {
    "type": "string"
   }
  },
  "required": [
   "draft",
   "feedback"
  ]
 },
 "Rule": {
  "type": "object",
  "properties": {
   "scope": {
    "enum": [
     "arguments",
     "notebook",
     "run"
    ]
   },
   "tool": {
    "type": "string"
   },
   "asker": {
    "type": "string"
   },
   "hours": {
    "type": "integer"
   },
   "execution_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "arguments": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "agent": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "notebook": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   }
  },
  "required": [
   "scope",
   "tool",
   "asker",
   "hours"
  ]
 },
 "RunCancelRequested": {
  "type": "object",
  "properties": {
   "type": {
    "enum": [
     "run_cancel_requested"
    ]
   },
   "event_id": {
    "type": "string"
   },
   "timestamp": {
    "type": "string"
   },
   "execution_id": {
    "type": "string"
   },
   "crew_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "offset": {
    "anyOf": [
     {
      "type": "integer"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "via": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   }
  },
  "required": [
   "type",
   "event_id",
   "timestamp",
   "execution_id"
  ]
 },
 "RunCancelled": {
  "type": "object",
  "properties": {
   "type": {
    "enum": [
     "run_cancelled"
    ]
   },
   "event_id": {
    "type": "string"
   },
   "timestamp": {
    "type": "string"
   },
   "execution_id": {
    "type": "string"
   },
   "crew_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "offset": {
    "anyOf": [
     {
      "type": "integer"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "reason": {
    "enum": [
     "interrupted",
     "replaced",
     "source_lost",
     "withdrawn"
    ]
   }
  },
  "required": [
   "type",
   "event_id",
   "timestamp",
   "execution_id",
   "reason"
  ]
 },
 "RunFailed": {
  "type": "object",
  "properties": {
   "type": {
    "enum": [
     "run_failed"
    ]
   },
   "event_id": {
    "type": "string"
   },
   "timestamp": {
    "type": "string"
   },
   "execution_id": {
    "type": "string"
   },
   "crew_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "offset": {
    "anyOf": [
     {
      "type": "integer"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "error": {
    "type": "string"
   },
   "cause": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   }
  },
  "required": [
   "type",
   "event_id",
   "timestamp",
   "execution_id",
   "error"
  ]
 },
 "RunFinished": {
  "type": "object",
  "properties": {
   "type": {
    "enum": [
     "run_finished"
    ]
   },
   "event_id": {
    "type": "string"
   },
   "timestamp": {
    "type": "string"
   },
   "execution_id": {
    "type": "string"
   },
   "crew_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "offset": {
    "anyOf": [
     {
      "type": "integer"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "result": {
    "type": "string"
   }
  },
  "required": [
   "type",
   "event_id",
   "timestamp",
   "execution_id",
   "result"
  ]
 },
 "RunPaused": {
  "type": "object",
  "properties": {
   "type": {
    "enum": [
     "run_paused"
    ]
   },
   "event_id": {
    "type": "string"
   },
   "timestamp": {
    "type": "string"
   },
   "execution_id": {
    "type": "string"
   },
   "crew_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "offset": {
    "anyOf": [
     {
      "type": "integer"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   }
  },
  "required": [
   "type",
   "event_id",
   "timestamp",
   "execution_id"
  ]
 },
 "RunStarted": {
  "type": "object",
  "properties": {
   "type": {
    "enum": [
     "run_started"
    ]
   },
   "event_id": {
    "type": "string"
   },
   "timestamp": {
    "type": "string"
   },
   "execution_id": {
    "type": "string"
   },
   "crew_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "offset": {
    "anyOf": [
     {
      "type": "integer"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "name": {
    "type": "string"
   },
   "kind": {
    "enum": [
     "crew",
     "flow"
    ]
   },
   "tasks": {
    "type": "array",
    "items": {
     "$ref": "#/$defs/Step"
    },
    "default": []
   },
   "source": {
    "$ref": "#/$defs/Source",
    "default": {}
   }
  },
  "required": [
   "type",
   "event_id",
   "timestamp",
   "execution_id",
   "name",
   "kind"
  ]
 },
 "RunTaskFailed": {
  "type": "object",
  "properties": {
   "type": {
    "enum": [
     "run_task_failed"
    ]
   },
   "event_id": {
    "type": "string"
   },
   "timestamp": {
    "type": "string"
   },
   "execution_id": {
    "type": "string"
   },
   "crew_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "offset": {
    "anyOf": [
     {
      "type": "integer"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "task_id": {
    "type": "string"
   },
   "task_name": {
    "type": "string"
   },
   "agent_role": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "error": {
    "type": "string"
   }
  },
  "required": [
   "type",
   "event_id",
   "timestamp",
   "execution_id",
   "task_id",
   "task_name",
   "error"
  ]
 },
 "RunTaskFinished": {
  "type": "object",
  "properties": {
   "type": {
    "enum": [
     "run_task_finished"
    ]
   },
   "event_id": {
    "type": "string"
   },
   "timestamp": {
    "type": "string"
   },
   "execution_id": {
    "type": "string"
   },
   "crew_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "offset": {
    "anyOf": [
     {
      "type": "integer"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "task_id": {
    "type": "string"
   },
   "task_name": {
    "type": "string"
   },
   "agent_role": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   }
  },
  "required": [
   "type",
   "event_id",
   "timestamp",
   "execution_id",
   "task_id",
   "task_name"
  ]
 },
 "RunTaskStarted": {
  "type": "object",
  "properties": {
   "type": {
    "enum": [
     "run_task_started"
    ]
   },
   "event_id": {
    "type": "string"
   },
   "timestamp": {
    "type": "string"
   },
   "execution_id": {
    "type": "string"
   },
   "crew_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "offset": {
    "anyOf": [
     {
      "type": "integer"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "task_id": {
    "type": "string"
   },
   "task_name": {
    "type": "string"
   },
   "agent_role": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   }
  },
  "required": [
   "type",
   "event_id",
   "timestamp",
   "execution_id",
   "task_id",
   "task_name"
  ]
 },
 "Source": {
  "type": "object",
  "properties": {
   "id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "kernel_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "notebook": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "cell_id": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "crew_name": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "task_name": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "agent_role": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "flow_name": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "tool_name": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "host": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   },
   "pid": {
    "anyOf": [
     {
      "type": "integer"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   }
  },
  "required": []
 },
 "Step": {
  "type": "object",
  "properties": {
   "id": {
    "type": "string"
   },
   "name": {
    "type": "string"
   },
   "agent": {
    "anyOf": [
     {
      "type": "string"
     },
     {
      "type": "null"
     }
    ],
    "default": null
   }
  },
  "required": [
   "id",
   "name"
  ]
 }
} as const;

