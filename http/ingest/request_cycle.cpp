#include "http/ingest/request_cycle.hpp"

#include <array>
#include <cstddef>
#include <initializer_list>
#include <stdexcept>
#include <string>

namespace weir {

namespace {

using phase = request_cycle::phase;
using event = request_cycle::event;

constexpr uint32_t bit(phase one) noexcept {
  return 1u << static_cast<unsigned>(one);
}

constexpr uint32_t any_of(std::initializer_list<phase> some) noexcept {
  uint32_t bits = 0;
  for (const auto one : some)
    bits |= bit(one);
  return bits;
}

struct transition {
  std::string_view name;
  uint32_t from; ///< bits of phases
  phase to;
};

/// One row an event, in the order of the enumeration.
constexpr std::array transitions{
  transition{"next_request",
             any_of({phase::handshake, phase::answering, phase::discarding}),
             phase::idle},
  transition{"head_began", any_of({phase::idle, phase::head}), phase::head},
  transition{"head_ended", any_of({phase::idle, phase::head}), phase::admission},
  transition{"invites", any_of({phase::admission}), phase::inviting},
  transition{"reads_body",
             any_of({phase::admission, phase::inviting, phase::body, phase::paused}),
             phase::body},
  transition{"finds_rest", any_of({phase::paused, phase::awaiting}), phase::body},
  // A small body that is all here is sent without being read by pieces.
  transition{"sent_all", any_of({phase::admission, phase::body}), phase::awaiting},
  transition{"body_failed", any_of({phase::body, phase::paused}), phase::awaiting},
  transition{"answers",
             any_of({phase::admission, phase::body, phase::paused, phase::awaiting}),
             phase::answering},
  transition{"discards", any_of({phase::answering}), phase::discarding},
  transition{"lingers", any_of({phase::answering}), phase::lingering},
  transition{"closes", ~bit(phase::closed), phase::closed},
};

constexpr std::array<std::string_view, 12> phase_names{
  "handshake", "idle",     "head",      "admission",  "inviting",  "body",
  "paused",    "awaiting", "answering", "discarding", "lingering", "closed"};

static_assert(transitions.size() == static_cast<size_t>(event::closes) + 1);
static_assert(phase_names.size() == static_cast<size_t>(phase::closed) + 1);

[[noreturn]] void unknown(std::string_view what, phase in) {
  throw std::logic_error("a request's cycle: " + std::string{what} + " while "
                         + std::string{name_of(in)});
}

} // namespace

void request_cycle::on(event what) {
  const auto& row = transitions[static_cast<size_t>(what)];
  if ((row.from & bit(phase_)) == 0)
    unknown(row.name, phase_);
  phase_ = row.to;
}

void request_cycle::pause(wait what) {
  if ((bit(phase_) & any_of({phase::body, phase::paused})) == 0)
    unknown("pause", phase_);
  phase_ = phase::paused;
  wait_ = what;
}

request_cycle::expiry request_cycle::at_deadline() const noexcept {
  switch (phase_) {
  case phase::head:
    return expiry::slow_head;
  case phase::awaiting:
    return expiry::no_outcome;
  case phase::paused:
    break;
  default:
    return expiry::close;
  }
  // A paused body: what it was waiting for did not come in time.
  switch (wait_) {
  case wait::claim:
    return expiry::no_claim;
  case wait::room:
    return expiry::no_room;
  case wait::tokens:
    return expiry::no_tokens;
  default:
    return expiry::no_outcome;
  }
}

bool request_cycle::outlives_half_close(bool body_is_here) const noexcept {
  switch (phase_) {
  case phase::admission:
    return body_is_here;
  case phase::inviting:
  case phase::paused:
  case phase::awaiting:
  case phase::answering:
    return true;
  default:
    return false; // nothing is asked yet, or more of the body is missing, or all is said
  }
}

std::string_view name_of(request_cycle::phase one) noexcept {
  return phase_names[static_cast<size_t>(one)];
}

std::string_view name_of(request_cycle::event one) noexcept {
  return transitions[static_cast<size_t>(one)].name;
}

} // namespace weir
