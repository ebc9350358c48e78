// ROLES: who plays which role now, and the state of every node of the supervision tree. A
// plain object behind one lock, not an actor: it is made before the actor system and
// outlives every actor, as an ETS table with an heir does in Erlang, so that no crash
// loses a handle, a restart count or a crash reason.
//
//   Roles       a supervisor announces a child that `plays` one; whoever needs it
//               subscribes and gets a role_change at once and at every change, in the
//               order of the changes.
//   Rank        subscribers of one role are told in order of rank: when a stage is back,
//               its workers and the stage before it have the news in their mailboxes
//               before the gateway does, whose reaction is to send every lost batch
//               through them again.
//   Tree        supervisors keep their nodes up to date here; /actors reads them.
//   Leftovers   a supervisor that crashed may leave children that are not gone yet. Its
//               successor finds them here by their path and ends them first: never two
//               journal writers.
//
// Any thread. Bounded by the number of tree nodes and of live subscribers. clear() at
// shutdown: a handle held for longer hangs ~actor_system.
#pragma once

#include "base/clock.hpp"
#include "proto/health.hpp"
#include "proto/messages.hpp"
#include "proto/node_view.hpp"

#include <caf/actor_addr.hpp>
#include <caf/actor_control_block.hpp>

#include <deque>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace weir {

enum class role_rank : uint8_t { worker, stage, reader, gateway };

class role_table final : public node_view {
 public:
  /// Both must outlive the table.
  role_table(const clock_source& clock, const node_health& health)
    : clock_(clock), health_(health) {}

  // -- roles
  void up(std::string_view role, const caf::strong_actor_ptr& handle);
  /// Does nothing unless `handle` plays the role now: a late farewell must not hide a
  /// successor.
  void down(std::string_view role, const caf::strong_actor_ptr& handle);
  /// Null while the role is away.
  caf::strong_actor_ptr find(std::string_view role) const;
  /// The subscription ends when `subscriber` dies or is abandoned.
  void subscribe(std::string_view role, role_rank rank,
                 const caf::strong_actor_ptr& subscriber);
  /// The live subscribers of one rank, in the order in which they came.
  std::vector<caf::strong_actor_ptr> subscribers(std::string_view role,
                                                 role_rank rank) const;

  // -- the tree; `path` is actor_view::id
  /// Adds a node or renews its fixed fields; counts and the last crash stay. `plays`: the
  /// role it is found by and the name of its metrics, or empty.
  void declare(const actor_view& fixed, std::string_view plays);
  /// True if the node has been started before: this is a restart.
  bool started(std::string_view path, const caf::strong_actor_ptr& handle);
  void set_state(std::string_view path, std::string_view state);
  /// The node's actor is gone. `crash` is empty after an orderly end.
  void ended(std::string_view path, std::string_view state, std::string_view crash);
  /// A supervisor restarts something: counts in its restarts_in_window.
  void noted_restart(std::string_view supervisor);
  /// A hung actor left its place to a successor: it is shown as `path~actor` until
  /// released, and is told of no more changes.
  void abandoned(std::string_view path, uint64_t actor);
  void released(std::string_view path, uint64_t actor);
  /// The actor last started at `path` and not reported as ended; it may be dead by now.
  caf::strong_actor_ptr leftover(std::string_view path) const;
  /// What goes through the node that plays `role`; -1 where there is none.
  void set_flow(std::string_view role, double per_second, int64_t depth, int64_t credit);
  std::vector<std::string> played() const;

  std::vector<actor_view> actors() const override;
  readiness ready() const override;

  /// Drops every handle and subscriber; later changes are ignored. The tree stays
  /// visible.
  void clear();

 private:
  struct subscriber {
    role_rank rank;
    caf::actor_addr who;
  };
  struct role {
    caf::strong_actor_ptr handle;
    std::vector<subscriber> subscribers; ///< in order of rank
  };
  struct node {
    actor_view view;
    std::string plays;
    caf::actor_addr actor;
    uint64_t starts = 0;
    std::chrono::steady_clock::time_point since{};
    std::deque<std::chrono::steady_clock::time_point> restarts;
  };
  using handles = std::vector<caf::strong_actor_ptr>;

  node* find_node(std::string_view path);
  /// `released` outlives the lock: dropping an actor's last reference under it might come
  /// back here through that actor's destructor.
  void announce(const std::string& name, role& changed, handles& released);
  actor_view shown(const node& n, std::chrono::steady_clock::time_point now) const;
  void collect(std::string_view parent, std::vector<actor_view>& out) const;

  const clock_source& clock_;
  const node_health& health_;
  mutable std::mutex lock_;
  std::map<std::string, role, std::less<>> roles_;
  std::vector<node> nodes_; ///< in order of declaration; some tens
  bool closed_ = false;
};

} // namespace weir
