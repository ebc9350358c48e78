#include "actors/supervision/notes.hpp"

#include "base/log.hpp"

#include <utility>

namespace weir {

namespace {

using verdict = restart_policy::verdict;

actor_view fixed_view(const child_spec& child, const std::string& parent) {
  actor_view view;
  view.id = parent + '/' + child.id;
  view.parent = parent;
  view.role = child.supervises ? "supervisor" : child.role;
  view.kind = child.supervises ? "supervisor" : "worker";
  view.state = "starting";
  return view;
}

void describe(actor_view& view, const restart_rules& rules) {
  view.strategy = to_string(rules.strategy);
  view.restarts_max = static_cast<uint32_t>(rules.restarts_max);
  view.window_seconds = std::chrono::duration<double>(rules.window).count();
}

/// Runs on the thread on which the actor ended, maybe long after the supervisor that gave it up.
void note_recovered(const tree_context& context, const std::string& path,
                    caf::actor_id actor) {
  context.counted.workers_hung.fetch_sub(1);
  context.roles->released(path, actor);
  log_event(log_level::warning, "hung_actor_ended", {{"path", path}, {"actor", actor}});
}

} // namespace

void note_nodes(const supervisor_state& st, const caf::strong_actor_ptr& self) {
  // Every other supervisor is declared by the one above it.
  if (st.root) {
    actor_view view;
    view.id = st.path;
    view.role = view.kind = "supervisor";
    describe(view, st.spec.rules);
    st.context->roles->declare(view, {});
    st.context->roles->started(st.path, self);
  }
  for (const auto& child : st.spec.children) {
    auto view = fixed_view(child, st.path);
    if (child.supervises)
      describe(view, child.supervises->rules);
    st.context->roles->declare(view, child.plays);
  }
}

void note_up(supervisor_state& st, size_t i) {
  const auto& child = st.spec.children[i];
  if (!child.plays.empty())
    st.context->roles->up(child.plays, st.slots[i].handle);
}

void note_started(supervisor_state& st, size_t i) {
  const auto& child = st.spec.children[i];
  const auto& handle = st.slots[i].handle;
  if (st.context->roles->started(st.path_of(i), handle)) {
    if (!child.stage.empty())
      add(st.context->metrics.stage(child.stage).restarts);
    log_event(log_level::info, "actor_restarted",
              {{"path", st.path_of(i)}, {"actor", handle->id()}});
  }
  if (!child.opens)
    note_up(st, i);
}

void note_gone(supervisor_state& st, size_t i, verdict what, const std::string& crash) {
  const auto& child = st.spec.children[i];
  if (!child.plays.empty())
    st.context->roles->down(child.plays, st.slots[i].handle);
  const bool again = what == verdict::restart;
  st.context->roles->ended(st.path_of(i), again ? "restarting" : "stopped", crash);
  if (again)
    st.context->roles->noted_restart(st.path);
  if (!crash.empty())
    log_event(
      log_level::warning, "actor_ended",
      {{"path", st.path_of(i)}, {"reason", crash}, {"then", again ? "restart" : "stop"}});
}

void note_hung(supervisor_state& st, size_t i) {
  auto& handle = st.slots[i].handle;
  const auto path = st.path_of(i);
  st.context->roles->abandoned(path, handle->id());
  const auto now_hung = st.context->counted.workers_hung.fetch_add(1) + 1;
  log_event(log_level::error, "actor_abandoned",
            {{"path", path}, {"actor", handle->id()}, {"hung_now", now_hung}});
  // It counts as hung until it ends, not until its supervisor does.
  handle->get()->attach_functor([context = st.context, path, actor = handle->id()] {
    note_recovered(*context, path, actor);
  });
  if (now_hung < st.context->hung_workers_max || st.policy->draining()
      || st.context->health->is(condition::workers_hung))
    return;
  st.context->health->set(condition::workers_hung, true);
  if (st.context->on_fatal)
    st.context->on_fatal(std::to_string(now_hung) + " actors hang, the last was " + path);
}

void note_overdue(supervisor_state& st, size_t i) {
  log_event(log_level::error, "actor_overdue",
            {{"path", st.path_of(i)}, {"actor", st.slots[i].handle->id()}});
  if (++st.slots[i].overdue == 2 && st.context->on_fatal)
    st.context->on_fatal(st.path_of(i)
                         + " does not end, and has no successor while it lives");
}

void note_limit(supervisor_state& st) {
  const auto text = st.path + ": more than " + std::to_string(st.spec.rules.restarts_max)
                    + " restarts within " + std::to_string(st.spec.rules.window.count())
                    + " ms";
  log_event(log_level::error, "restart_limit_reached",
            {{"path", st.path},
             {"restarts_max", st.spec.rules.restarts_max},
             {"window_ms", st.spec.rules.window.count()}});
  if (st.root && st.context->on_fatal)
    st.context->on_fatal(text);
}

} // namespace weir
