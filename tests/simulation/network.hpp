// NETWORK: what lies between the nodes of a simulated cluster. Every link has a delay of its own
// and keeps its order, but for small frames that overtake large ones, as in the tunnel; links are
// lost, nodes are cut off, and whoever has no link dials again. What is cut off is not told: it
// hears nothing until it is joined again. As all frames pass here, it is also looked after that
// no node has more out than its peer's window.
#pragma once

#include "cluster/network.hpp"
#include "tests/simulation/plan.hpp"
#include "tests/simulation/timeline.hpp"

#include <array>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace weir::simulation {

class network {
 public:
  network(const plan& shape, timeline& events, trace& log);
  ~network();

  // -- by a process, from its beginning to its end
  network_port& join(size_t node, const node_card& card, network_events& hears);
  /// `farewell`: a kernel is left that closes its connections.
  void leave(size_t node, bool farewell);

  // -- by the world
  void lose_link(size_t a, size_t b);
  void cut_off(size_t a, size_t b);
  void join_again(size_t a, size_t b);
  void freeze(size_t node, bool on); ///< a stopped process answers no call
  /// Every two nodes have a link, and both know it.
  bool whole() const;
  /// What a node did that none may; empty: nothing.
  const std::string& complaint() const noexcept { return complaint_; }

 private:
  class port;
  struct letter;
  struct way;
  struct connection;
  struct station;
  using pair = std::pair<size_t, size_t>;

  static pair both(size_t a, size_t b) { return std::minmax(a, b); }
  void dial();
  void dial(size_t a, size_t b);
  void send(size_t from, link_id link, outgoing_frame frame);
  void close(size_t by, link_id link, const std::string& reason);
  void close_all(size_t by);
  void hang_up(link_id link, connection& c, size_t end, const std::string& reason);
  void post(link_id link, connection& c, size_t from_end, letter what);
  void deliver(link_id link, size_t from_end);
  void hand_over(link_id link, connection& c, size_t to_end, letter what);
  void count_sent(connection& c, size_t end, const outgoing_frame& frame);
  static void count_received(connection& c, size_t end, std::string_view head);
  bool is_up(const connection& c, size_t end) const;
  bool lives_on(const connection& c, size_t end) const;
  duration delay_of(const connection& c);
  void tidy();

  const plan& shape_;
  timeline& events_;
  trace& log_;
  chance dice_;
  std::vector<station> stations_;
  const size_t small_bytes_max_; ///< frames up to here overtake those above
  std::map<link_id, std::unique_ptr<connection>> connections_;
  std::set<pair> cut_off_;
  link_id last_ = 0;
  std::string complaint_;
};

} // namespace weir::simulation
