/*
 * The protocol by which an account moves from one shard (the source) to another (the target): one record, one user, one sharing, a copy of the
 * API that writes, a mover that may be taken for dead while it only sleeps, and another that takes its move over.
 *
 * A process may stop at any point for as long as it likes, so a pause, a slow machine and a message that comes late need no statement of their
 * own. What a time limit decides may happen at any moment: the claim of a mover ends, a fence lifts, a copy of the API is forgotten. What one
 * statement of MongoDB or one transaction does is `atomic`.
 *
 * Each rule can be left out, to see that the model finds what goes wrong without it:
 *   FENCE_IN_TRANSACTION  a write looks at the fence in its own transaction, and one that began before the fence is over before the fence counts
 *   EPOCHS                a request of a mover carries the number of its claim, and neither shard takes one of an older claim
 *   DELETIONS_FOLLOW      deletions of users are in the feed of changes
 *   SHARING_FOLLOWS       changes of sharing are in the feed, and are kept out by the fence
 *
 * `make model` does this, with spin 6.5 and gcc, in a folder of its own:
 *   spin -a -DFENCE_IN_TRANSACTION -DEPOCHS -DDELETIONS_FOLLOW -DSHARING_FOLLOWS moves.pml
 *   gcc -O2 -DSAFETY -DCOLLAPSE -o pan pan.c && ./pan -E -m100000
 * All states are looked at: 19 million, 2 GB, three minutes. Without any one of the rules it ends with a violated assertion within seconds
 * (`spin -t -p` with the same rules shows how). Not in the model: moves that are cancelled, late records, and that a move ends at all.
 */
mtype = { open, fenced, drained, sealed };          /* of the account on the source */
mtype = { copying, fencing, settling, done };        /* of the move, as the directory records it */

/* The source. */
byte record_s = 1;
bool user_s = true, shared_s = true;
mtype fence = open;
byte fence_of;                                       /* the claim that has set it */
byte epoch_s;
bool left_s;                                         /* it knows that the account has gone */

/* The target. */
byte record_t;
bool user_t, shared_t;
bool active_t;
byte epoch_t;

/* The directory. */
mtype phase = copying;
byte claim, claims;
bool moved;

/* What callers were told. */
byte acknowledged = 1;
bool told_deleted, told_unshared;

/* The copy of the API: what it knows of the fence, whether a write is under way there, and what becomes of it when it is not heard of. */
bool known, inside, forgotten;
bool in_transaction, aborted;
byte ended;

/* What a writer finds where it writes. */
#ifdef FENCE_IN_TRANSACTION
#define MAY_COMMIT (seen == open && !aborted)
#define HEARD ((known && !inside) || (forgotten && !in_transaction))
#else
#define MAY_COMMIT true
#define HEARD ((known && !inside) || forgotten)
#endif

#ifdef EPOCHS
#define TAKEN_BY_SOURCE(my) (my >= epoch_s)
#define TAKEN_BY_TARGET(my) (my >= epoch_t)
#else
#define TAKEN_BY_SOURCE(my) true
#define TAKEN_BY_TARGET(my) true
#endif

/* The copy of the API: one write. */
proctype Writer() {
  mtype seen;
  if
  :: atomic { !known -> inside = true }
     atomic {                                  /* a copy that is waited for goes on while the fence waits; one that is late does not */
       if
       :: left_s -> seen = sealed
       :: !left_s && fence == fenced && !forgotten -> seen = open
       :: else -> seen = fence
       fi;
       in_transaction = true
     }
     atomic {
       if
       :: MAY_COMMIT -> record_s++; acknowledged = record_s
       :: else -> skip
       fi;
       in_transaction = false
     }
     inside = false
  :: atomic {                                  /* a caller who knows by now where the account is */
       active_t -> record_t++;
       if :: record_t > acknowledged -> acknowledged = record_t :: else fi
     }
  :: skip
  fi;
  ended++
}

/* What it learns of the fence by its change stream. */
proctype Stream() {
  do
  :: atomic { fence != open && !known -> known = true }
  :: atomic { fence == open && known && !left_s -> known = false }
  :: atomic { ended == 2 -> break }
  od
}

/* Somebody deletes their user, and ends a sharing. They are let in as other writes are, but sharing knew no fence. */
proctype Person() {
  if
  :: atomic { fence == open && !left_s -> user_s = false; told_deleted = true }
  :: skip
  fi;
  if
#ifdef SHARING_FOLLOWS
  :: atomic { fence == open && !left_s -> shared_s = false; told_unshared = true }
#else
  :: atomic { !left_s -> shared_s = false; told_unshared = true }
#endif
  :: skip
  fi;
  ended++
}

/* What time limits do, each once: a claim ends, a fence lifts, a copy is forgotten; and MongoDB ends a transaction that has been open too long. */
proctype Clock() {
  if :: atomic { claim != 0 -> claim = 0 } :: skip fi;
  if :: atomic { fence == fenced || fence == drained -> fence = open } :: skip fi;
}
proctype Forgetting() {
  if :: forgotten = true :: skip fi;
  if :: atomic { forgotten && in_transaction -> aborted = true; in_transaction = false } :: skip fi
}

/* A mover: takes the move as it is recorded and goes on. */
proctype Mover() {
  byte my, record_page;
  bool user_page, shared_page;
start:
  if
  :: atomic { claim == 0 && phase != done -> claims++; claim = claims; my = claims }
  :: atomic { phase == done -> goto over }
  fi;
#ifdef EPOCHS
  atomic { if :: TAKEN_BY_SOURCE(my) -> epoch_s = my :: else -> goto over fi }
  atomic { if :: TAKEN_BY_TARGET(my) -> epoch_t = my :: else -> goto over fi }
#endif
next:
  if
  :: phase == copying -> goto copy
  :: phase == fencing -> goto unfence          /* what another mover fenced is free again */
  :: phase == settling -> goto settle
  :: phase == done -> goto over
  fi;

copy:
  atomic { record_page = record_s; user_page = user_s; shared_page = shared_s }
  atomic {
    if
    :: TAKEN_BY_TARGET(my) && !active_t -> record_t = record_page; user_t = user_page; shared_t = shared_page
    :: else -> goto lost
    fi
  }
  atomic { if :: claim == my -> phase = fencing :: else -> goto lost fi }

  /* fence */
  atomic {
    if
    :: TAKEN_BY_SOURCE(my) && fence != sealed && !left_s -> fence = fenced; fence_of = my
    :: else -> goto unfence
    fi
  }
  if
  :: HEARD
  :: true -> goto unfence                      /* it takes too long */
  fi;
  atomic { if :: fence == fenced && fence_of == my -> fence = drained :: else -> goto unfence fi }
  /* what was changed follows */
  atomic { record_page = record_s; user_page = user_s; shared_page = shared_s }
  atomic {
    if
    :: TAKEN_BY_TARGET(my) && !active_t ->
       record_t = record_page;
#ifdef DELETIONS_FOLLOW
       user_t = user_page;
#endif
#ifdef SHARING_FOLLOWS
       shared_t = shared_page;
#endif
    :: else -> goto lost
    fi
  }
  if :: record_s != record_t -> goto unfence :: else fi;   /* compared */
  atomic { if :: TAKEN_BY_SOURCE(my) && fence == drained && fence_of == my -> fence = sealed :: else -> goto unfence fi }
  atomic { if :: claim == my -> phase = settling; moved = true :: else -> goto lost fi }

settle:
  atomic { if :: TAKEN_BY_TARGET(my) -> active_t = true :: else -> goto lost fi }
  atomic { if :: TAKEN_BY_SOURCE(my) -> left_s = true; fence = open; known = true :: else -> goto lost fi }
  atomic { if :: claim == my -> phase = done :: else skip fi }
  goto over;

unfence:
  if :: moved -> goto lost :: else fi;
  atomic { if :: TAKEN_BY_SOURCE(my) && !left_s -> fence = open :: else -> goto lost fi }
  atomic { if :: claim == my -> phase = copying; goto next :: else -> goto lost fi }

lost:
  atomic { if :: claim == my -> claim = 0 :: else fi }
over:
  skip
}

init {
  atomic {
    run Writer(); run Stream(); run Person(); run Clock(); run Forgetting(); run Mover(); run Mover()
  }
}

/* Once the account is served on the target and nobody is on their way any more, whatever anybody was told is so there. */
active proctype Check() {
  atomic {
    phase == done && ended == 2 ->
    assert(record_t >= acknowledged);
    assert(!(told_deleted && user_t));
    assert(!(told_unshared && shared_t))
  }
}
