// CLIENT: sends one request until it knows its fate, as a careful program does: it waits
// when it is told to, repeats what it may repeat, and lets go of what it may not.
#pragma once

#include "tests/simulation/ingest.hpp"
#include "tests/simulation/ledger.hpp"
#include "tests/simulation/plan.hpp"
#include "tests/simulation/timeline.hpp"

#include <functional>
#include <memory>
#include <string>

namespace weir::simulation {

class client : public std::enable_shared_from_this<client> {
 public:
  /// The listener to talk to now; null: connection refused.
  using connector = std::function<ingest*()>;

  client(const request_plan& request, connector connect, timeline& events, trace& log,
         ledger& book, const sink_contents& sink, uint64_t seed);

  void start() { try_now(); }
  /// A process is gone, perhaps the one it talks to.
  void disconnected(const ingest& gone);
  bool done() const noexcept { return done_; }
  bool waits_for_answer() const noexcept { return talking_ != nullptr; }
  uint32_t number() const noexcept { return request_.number; }

 private:
  void try_now();
  void send_piece(uint64_t attempt, size_t from);
  void hear(const answer& what);
  void hang_up(uint64_t attempt, const char* why);
  void unheard();
  void again(duration after);
  request_terms terms() const;

  const request_plan request_;
  const connector connect_;
  timeline& events_;
  trace& log_;
  ledger& book_;
  const sink_contents& sink_;
  chance dice_;
  bool growing_ = false; ///< only the first records are sent yet
  std::string body_;
  std::shared_ptr<session> talking_;
  const ingest* with_ = nullptr; ///< whose session that is
  uint64_t attempt_ = 0;
  uint32_t tries_ = 0;
  uint32_t repeats_left_;
  bool left_once_ = false;
  bool done_ = false;
};

} // namespace weir::simulation
