// TREE WIRING: what the parts of the tree are made with. tree.cpp puts them together.
#pragma once

#include "actors/supervision/supervisor.hpp"
#include "app/node/tree.hpp"

#include <caf/actor_cast.hpp>
#include <caf/actor_system.hpp>

#include <functional>
#include <string>
#include <utility>

namespace weir {

using starter = std::function<caf::strong_actor_ptr(caf::local_actor&)>;

template <class Function, class Config>
starter start_with(bool own_thread, Function* actor, Config made) {
  return [own_thread, actor, made = std::move(made)](caf::local_actor& parent) {
    auto& system = parent.system();
    if (own_thread)
      return caf::actor_cast<caf::strong_actor_ptr>(
        system.spawn<caf::detached>(actor, made));
    return caf::actor_cast<caf::strong_actor_ptr>(system.spawn(actor, made));
  };
}

child_spec make_child(std::string id, std::string role, std::string plays, starter start);

restart_rules rules_of(const supervision_section& from, restart_strategy strategy);

/// Journal and sink, of a node that is a persister.
child_spec make_persist(const tree_parts& parts);
child_spec make_dead_letters(const tree_parts& parts);
/// Links and dispatchers, of a node that is one of many.
child_spec make_cluster(const tree_parts& parts);

} // namespace weir
