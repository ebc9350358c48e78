// DEAD LETTERS: lists, shows, replays and deletes the records that were not stored. Listing reads
// the store's file beside a running node; replaying posts to the node and marks what went
// through.
#pragma once

#include "app/config/config.hpp"
#include "app/send/server_options.hpp"
#include "storage/dead_letters.hpp"

#include <iosfwd>
#include <optional>
#include <set>
#include <string>
#include <vector>

namespace weir {

class patient_post;

struct dead_letters_options {
  std::string stream;        ///< empty: all
  std::vector<uint64_t> ids; ///< to show or replay
  uint64_t after = 0;        ///< list: ids above
  size_t limit = 100;        ///< list
  bool json = false;         ///< list: one JSON object a line
  bool all = false; ///< replay: every one that was not replayed yet; delete: every one
  bool yes = false; ///< delete: --all is really meant
  int64_t before_us = 0;             ///< delete: received before; 0: at any time
  std::string csv_header;            ///< replay: rows of CSV need their header
  std::optional<char> csv_delimiter; ///< replay: of the header and its rows
  bool text = false;                 ///< replay: what may be a row or a line is a line
  /// replay: streams whose rejected records become letters
  std::set<std::string, std::less<>> storing;
  server_options server;
};

int command_dead_letters_list(const config& settings, const dead_letters_options& options,
                              std::ostream& out, std::ostream& err);
int command_dead_letters_show(const config& settings, const dead_letters_options& options,
                              std::ostream& out, std::ostream& err);
int command_dead_letters_replay(const config& settings,
                                const dead_letters_options& options, std::ostream& out,
                                std::ostream& err);

int command_dead_letters_delete(const config& settings,
                                const dead_letters_options& options, std::ostream& out,
                                std::ostream& err);

/// How many letters went through and how many did not.
struct replay_totals {
  uint64_t replayed = 0;
  uint64_t failed = 0;
};
result<replay_totals> replay(dead_letter_store& store,
                             const dead_letters_options& options, patient_post& post,
                             std::ostream& out);

} // namespace weir
