// A CAF system that runs only when the test says so, on a clock the test moves.
#pragma once

#include "proto/messages.hpp"

#include <caf/actor_system.hpp>
#include <caf/actor_system_config.hpp>
#include <caf/scheduler/test_coordinator.hpp>
#include <caf/scoped_actor.hpp>
#include <gtest/gtest.h>

namespace weir {

struct test_config : caf::actor_system_config {
  test_config() {
    register_protocol(*this);
    set("scheduler.policy", caf::atom("testing"));
  }
};

struct deterministic : ::testing::Test {
  test_config config;
  caf::actor_system sys{config};
  caf::scheduler::test_coordinator& sched =
    dynamic_cast<caf::scheduler::test_coordinator&>(sys.scheduler());
  caf::scoped_actor self{sys};

  ~deterministic() override { sched.run(); }

  /// A blocking receive is safe only then: nothing else runs while a test waits.
  bool has_mail() { return !self->mailbox().empty(); }

  /// Sends, runs the system until it is idle, and hands back reply or error.
  template <class Reply, class Handle, class... Ts>
  caf::expected<Reply> ask(const Handle& to, Ts&&... xs) {
    auto pending = self->request(to, caf::infinite, std::forward<Ts>(xs)...);
    sched.run();
    caf::expected<Reply> result{caf::make_error(caf::sec::request_timeout)};
    if (!has_mail())
      return result; // never hang on a reply that is not coming
    pending.receive([&](Reply& reply) { result = std::move(reply); },
                    [&](caf::error& err) { result = std::move(err); });
    return result;
  }
};

} // namespace weir
