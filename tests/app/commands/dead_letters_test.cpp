#include "app/commands/dead_letters.hpp"
#include "app/send/patient_post.hpp"

#include <deque>
#include <functional>
#include <map>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

using namespace weir;
using testing::ElementsAre;
using testing::HasSubstr;

namespace {

class store_in_memory final : public dead_letter_store {
 public:
  std::map<uint64_t, dead_letter> letters;

  void add(uint64_t id, std::string stream, std::string body, int64_t replayed = 0,
           std::string code = "schema_violation") {
    auto& letter = letters[id];
    letter.id = id;
    letter.batch = "ba7c";
    letter.record = static_cast<uint32_t>(id + 1);
    letter.code = std::move(code);
    letter.stream = std::move(stream);
    letter.body = std::move(body);
    letter.replayed_at_us = replayed;
  }
  journal_position cursor() const noexcept override { return {}; }
  result<void> commit(std::span<const frame_view>, journal_position) override {
    return {};
  }
  result<std::vector<dead_letter>> list(const dead_letter_query& query) override {
    std::vector<dead_letter> found;
    for (auto at = letters.upper_bound(query.after);
         at != letters.end() && found.size() < query.limit; ++at)
      if (query.stream.empty() || query.stream == at->second.stream)
        found.push_back(at->second);
    return found;
  }
  result<std::optional<dead_letter>> get(uint64_t id) override {
    const auto found = letters.find(id);
    return found == letters.end() ? std::nullopt : std::optional{found->second};
  }
  result<void> mark_replayed(uint64_t id, int64_t at_us) override {
    letters[id].replayed_at_us = at_us;
    return {};
  }
  result<uint64_t> remove(const dead_letter_choice&) override { return uint64_t{0}; }
  result<uint64_t> count() override { return letters.size(); }
};

auto is_sent(const std::string& type, const std::string& body) {
  return testing::AllOf(HasSubstr(" " + type + " "), testing::EndsWith(" " + body));
}

class replaying : public testing::Test {
 protected:
  result<replay_totals> run(const dead_letters_options& options) {
    patient_post post{[this](auto path, auto type, const auto& fields, auto body) {
                        return take(path, type, fields, body);
                      },
                      [](auto) {}, retry_policy{2, 1}, ""};
    return replay(store_, options, post, out_);
  }
  result<http_answer> take(std::string_view path, std::string_view type,
                           const header_fields& fields, std::string_view body) {
    fields_ = fields;
    sent_.push_back(std::string{path} + ' ' + std::string{type} + ' ' + fields[0].second
                    + ' ' + std::string{body});
    if (on_request_)
      on_request_();
    if (answers_.empty())
      return http_answer{200, "", R"({"accepted":1,"rejected":0,"errors":[]})"};
    auto answer = answers_.front();
    answers_.pop_front();
    return answer;
  }

  static http_answer rejected_again(const std::string& code) {
    return {422, "",
            R"({"title":"t","code":"all_records_rejected","accepted":0,"rejected":1,)"
            R"("errors":[{"code":")"
              + code + R"(","pointer":"/a","detail":"d"}]})"};
  }

  store_in_memory store_;
  std::deque<result<http_answer>> answers_;
  std::function<void()> on_request_;
  std::vector<std::string> sent_;
  header_fields fields_;
  std::ostringstream out_;
};

} // namespace

TEST_F(replaying, a_letter_is_sent_to_its_stream_under_its_own_key_and_marked) {
  store_.add(17, "web", "{\"a\":1}");
  store_.add(18, "web", "a line");
  dead_letters_options options;
  options.text = true;
  options.ids = {17, 18, 19};
  const auto totals = run(options);
  ASSERT_TRUE(totals);
  EXPECT_THAT(sent_,
              ElementsAre("/ingest/web application/json dead-letter-ba7c-18 {\"a\":1}",
                          "/ingest/web text/plain dead-letter-ba7c-19 a line"));
  EXPECT_EQ(totals->replayed, 2u);
  EXPECT_EQ(totals->failed, 1u);
  EXPECT_THAT(out_.str(), HasSubstr("19: there is no such dead letter"));
  EXPECT_GT(store_.letters[17].replayed_at_us, 0);
}

TEST_F(replaying, a_letter_that_is_rejected_again_gives_its_place_to_the_new_one) {
  store_.add(5, "web", "{}");
  answers_ = {rejected_again("schema_violation")};
  dead_letters_options options;
  options.ids = {5};
  options.storing = {"web"};
  EXPECT_EQ(run(options)->failed, 1u);
  EXPECT_LT(store_.letters[5].replayed_at_us, 0); // superseded, and not replayed
  sent_.clear();
  options.ids.clear();
  options.all = true;
  run(options);
  EXPECT_TRUE(sent_.empty());
  EXPECT_EQ(out_.str(),
            "5: rejected again: schema_violation /a d; kept as a new letter\n");
}

TEST_F(replaying, a_letter_stays_when_its_stream_discards_what_is_rejected_again) {
  store_.add(1, "web", "{}");
  answers_ = {rejected_again("schema_violation")};
  dead_letters_options options;
  options.ids = {1};
  options.storing = {"other"};
  EXPECT_EQ(run(options)->failed, 1u);
  EXPECT_EQ(store_.letters[1].replayed_at_us, 0);
  EXPECT_EQ(out_.str(), "1: rejected again: schema_violation /a d; its stream discards "
                        "rejected records, so this letter stays\n");
}

TEST_F(replaying, what_is_quarantined_again_is_always_kept_as_a_new_letter) {
  store_.add(1, "web", "{}", 0, "quarantined");
  answers_ = {rejected_again("quarantined")};
  dead_letters_options options;
  options.ids = {1};
  run(options);
  EXPECT_LT(store_.letters[1].replayed_at_us, 0); // it was not stored
  EXPECT_THAT(out_.str(), HasSubstr("; kept as a new letter"));
}

TEST_F(replaying, a_failure_that_is_no_verdict_leaves_the_letter) {
  store_.add(1, "web", "{}");
  dead_letters_options options;
  options.ids = {1};
  options.storing = {"web"};
  for (const int status : {202, 401, 404, 422}) {
    const http_answer answer{status, "", R"({"title":"t","code":"key_reused"})"};
    answers_ = {answer, answer}; // a 202 is followed by the question for the verdict
    EXPECT_EQ(run(options)->failed, 1u) << status;
    EXPECT_EQ(store_.letters[1].replayed_at_us, 0) << status;
  }
}

TEST_F(replaying, what_was_not_stored_is_not_marked_whatever_the_status_says) {
  for (const auto* body : {R"({"accepted":0,"rejected":0,"errors":[]})",
                           R"({"accepted":0,"rejected":1,"errors":[]})",
                           R"({"accepted":1,"rejected":1,"errors":[]})",
                           R"({"accepted":1,"quarantined":1,"errors":[]})",
                           R"({"accepted":0,"quarantined":1,"errors":[]})"}) {
    store_.add(1, "web", "{}");
    answers_ = {http_answer{200, "", body}};
    dead_letters_options options;
    options.ids = {1};
    EXPECT_EQ(run(options)->failed, 1u) << body;
    EXPECT_EQ(store_.letters[1].replayed_at_us, 0) << body;
  }
  answers_ = {http_answer{200, "", R"({"accepted":0,"rejected":0,"dropped":1})"}};
  dead_letters_options options;
  options.ids = {1};
  EXPECT_EQ(run(options)->replayed, 1u); // a step dropped it: that is what was wanted
}

TEST_F(replaying, all_means_every_one_that_was_not_replayed_yet_of_the_stream) {
  store_.add(1, "web", "a");
  store_.add(2, "web", "b", 5);
  store_.add(3, "other", "c");
  store_.add(4, "web", "d");
  dead_letters_options options;
  options.all = true;
  options.text = true;
  options.stream = "web";
  EXPECT_EQ(run(options)->replayed, 2u);
  EXPECT_THAT(sent_, ElementsAre(HasSubstr("dead-letter-ba7c-2 a"),
                                 HasSubstr("dead-letter-ba7c-5 d")));
}

TEST_F(replaying, all_means_every_page_and_no_letter_that_came_meanwhile) {
  for (uint64_t id = 1; id <= 2500; ++id)
    store_.add(id, "web", "{}");
  on_request_ = [&] { store_.add(2500 + sent_.size(), "web", "{}"); };
  dead_letters_options options;
  options.all = true;
  EXPECT_EQ(run(options)->replayed, 2500u);
  EXPECT_EQ(sent_.size(), 2500u);
  EXPECT_THAT(sent_.back(), HasSubstr("dead-letter-ba7c-2501 "));
}

TEST_F(replaying, a_row_of_csv_gets_the_header_that_was_given) {
  store_.add(1, "web", "1,2");
  dead_letters_options options;
  options.ids = {1};
  options.csv_header = "a,b";
  run(options);
  EXPECT_THAT(
    sent_,
    ElementsAre("/ingest/web text/csv; header=present dead-letter-ba7c-2 a,b\r\n1,2"));
}

TEST_F(replaying, an_answer_that_is_not_weirs_marks_nothing) {
  for (const auto* body : {"", "[]", "{}", R"({"accepted":1,"rejected":"no"})"}) {
    store_.add(1, "web", "{}");
    answers_ = {http_answer{200, "", body}};
    dead_letters_options options;
    options.ids = {1};
    EXPECT_EQ(run(options)->failed, 1u) << body;
  }
}

TEST_F(replaying, the_code_says_what_a_letter_is_before_its_first_byte_does) {
  struct {
    const char *code, *body, *sent;
  } const cases[] = {
    {"transform_failed", "{\"a\":1}", "application/json"},
    {"too_deep", " {\"a\":[]}", "application/json"},
    {"not_an_object", "5", "not sent: not_an_object"},
    {"not_an_object", "\"text\"", "not sent"},
    {"not_an_object", "[1,2]", "not sent"},
    {"malformed_json", "{\"a\":", "weir send"},
    {"invalid_utf8", "caf\xe9", "not sent: invalid_utf8"},
    {"ragged_row", "1,2", "--csv-header"},
    {"malformed_csv", "{x,1,2", "--csv-header"},
    {"schema_violation", "{x,1,2", "--text"},
    {"schema_violation", "a line", "--text"},
    {"quarantined", "a line", "--csv-header"},
    {"a_later_code", "a line", "--text"},
  };
  for (const auto& c : cases) {
    store_.add(1, "web", c.body, 0, c.code);
    sent_.clear();
    out_.str("");
    dead_letters_options options;
    options.ids = {1};
    const auto totals = run(options);
    const bool goes = std::string_view{c.sent}.starts_with("application/");
    EXPECT_EQ(totals->replayed, goes ? 1u : 0u) << c.code << ' ' << c.body;
    EXPECT_EQ(store_.letters[1].replayed_at_us != 0, goes) << c.code << ' ' << c.body;
    EXPECT_THAT(goes && !sent_.empty() ? sent_[0] : out_.str(), HasSubstr(c.sent))
      << c.code << ' ' << c.body;
  }
}

TEST_F(replaying, what_may_be_a_row_or_a_line_is_sent_as_the_operator_says) {
  store_.add(1, "web", "{x,1,2", 0, "malformed_csv");
  store_.add(2, "web", "a line");
  store_.add(3, "web", "{\"a\":1}");
  dead_letters_options options;
  options.ids = {1, 2, 3};
  options.csv_header = "a,b";
  run(options);
  EXPECT_THAT(sent_, ElementsAre(is_sent("text/csv; header=present", "a,b\r\n{x,1,2"),
                                 is_sent("text/csv; header=present", "a,b\r\na line"),
                                 is_sent("application/json", "{\"a\":1}")));
  sent_.clear();
  options.csv_header.clear();
  options.text = true;
  run(options);
  EXPECT_THAT(sent_, ElementsAre(is_sent("text/plain", "a line"),
                                 is_sent("application/json", "{\"a\":1}")));
}

TEST_F(replaying, a_202_is_not_taken_for_stored_and_the_verdict_is_asked_for) {
  store_.add(1, "web", "{}");
  answers_ = {http_answer{202, "", R"({"batch":"0"})"},
              http_answer{202, "", R"({"batch":"0"})"}};
  dead_letters_options options;
  options.ids = {1};
  EXPECT_EQ(run(options)->failed, 1u);
  EXPECT_EQ(store_.letters[1].replayed_at_us, 0);
  EXPECT_EQ(sent_.size(), 2u);
  EXPECT_EQ(sent_[0], sent_[1]);
  EXPECT_THAT(fields_, testing::Contains(testing::Pair("Weir-Ack", "durable")));
}
