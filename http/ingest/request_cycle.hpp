// REQUEST CYCLE: where a connection is, from its handshake to its end, once round per request. It
// says what may follow what, and what a phase means for a deadline or for a client that has gone;
// it does nothing itself.
//
//   handshake → idle → head → admission → body ⇄ paused → awaiting → answering → idle …
//                       │        └──────────┴── refused ─────┘            ├→ discarding → idle
//                       └─ malformed ─────────────────────────────────────┤
//                                                                         └→ lingering
//
//   Failure:  an event that its phase does not know is a bug. It throws, and costs its
//             connection.
//   Pure:     no time, no socket. The table is in the source.
#pragma once

#include <cstdint>
#include <string_view>

namespace weir {

class request_cycle {
 public:
  enum class phase : uint8_t {
    handshake,
    idle,       ///< between requests
    head,       ///< in the middle of a head
    admission,  ///< the head is here; the body is unread until a claim is granted
    inviting,   ///< 100 Continue is being sent
    body,       ///< it is read, cut and sent
    paused,     ///< a streamed body is left unread for a while; see wait
    awaiting,   ///< all sent, or the rest is not wanted; the receipts are not all here
    answering,  ///< the answer is being sent
    discarding, ///< the rest of a refused body is read and dropped
    lingering,  ///< answered; reads on so that the client sees the answer, not a reset
    closed,
  };

  enum class event : uint8_t {
    next_request, ///< the handshake, an answer or what it left unread is done
    head_began,   ///< more of a head is here, but not its end
    head_ended,   ///< it is whole, or it can't be used: a request has begun
    invites,
    reads_body,  ///< for the first time or after a pause
    finds_rest,  ///< an earlier request has stored a part of what was sent, but not all
    sent_all,    ///< the last batch is on its way
    body_failed, ///< nothing more of it is wanted, but earlier batches are on their way
    answers,
    discards,
    lingers,
    closes,
  };

  /// What a paused body waits for.
  enum class wait : uint8_t {
    nothing, ///< it is not paused
    receipt, ///< as many batches are in flight as may be
    claim,
    room,   ///< the node takes no work for a while: a full journal, a stage that restarts
    tokens, ///< its rate is used up
  };

  /// What the end of the deadline means.
  enum class expiry : uint8_t {
    close, ///< nobody is owed an answer
    slow_head,
    no_claim,
    no_room,
    no_tokens,
    no_outcome, ///< it may be durable all the same
  };

  /// Throws std::logic_error if the phase does not know the event.
  void on(event what);
  /// From body to paused; a paused one then waits for something else.
  void pause(wait what);

  phase now() const noexcept { return phase_; }
  bool is(phase one) const noexcept { return phase_ == one; }
  bool closed() const noexcept { return phase_ == phase::closed; }
  bool takes_head() const noexcept { return is(phase::idle) || is(phase::head); }
  wait waits_for() const noexcept { return is(phase::paused) ? wait_ : wait::nothing; }
  /// Nobody tells it when the node is open or its rate allows more: it looks again at each tick.
  bool looks_again() const noexcept {
    return waits_for() == wait::room || waits_for() == wait::tokens;
  }
  expiry at_deadline() const noexcept;
  /// The client has closed its side. True: it may still read, and gets its answer. `body_is_here`:
  /// all of a body whose claim is waited for.
  bool outlives_half_close(bool body_is_here) const noexcept;

 private:
  phase phase_ = phase::handshake;
  wait wait_ = wait::nothing;
};

std::string_view name_of(request_cycle::phase one) noexcept;
std::string_view name_of(request_cycle::event one) noexcept;

} // namespace weir
