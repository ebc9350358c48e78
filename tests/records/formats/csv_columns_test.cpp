// How many columns a body of CSV has, with names and without.
#include "records/formats/csv_header.hpp"
#include "records/formats/decode.hpp"

#include <gtest/gtest.h>

using namespace weir;

TEST(csv_columns, as_many_are_taken_as_the_limit_says_and_not_one_more) {
  for (uint32_t columns = 1; columns < 5; ++columns) {
    std::string row = "n1";
    for (uint32_t i = 2; i <= columns; ++i)
      row += ",n" + std::to_string(i);
    for (uint32_t most = 1; most < 6; ++most) {
      EXPECT_EQ(parse_csv_header(row, 0, most, {}).has_value(), columns <= most) << row;
      const auto numbered = number_csv_columns(row, 0, most, {});
      EXPECT_EQ(numbered.has_value(), columns <= most) << row;
      if (numbered) {
        EXPECT_EQ(numbered->names.size(), columns);
      }
    }
  }
}

TEST(csv_columns, a_delimiter_in_quotes_divides_nothing) {
  EXPECT_EQ(number_csv_columns(R"("a,b",c,"d""e,f")", 0, 9, {})->names.size(), 3u);
  EXPECT_EQ(parse_csv_header(R"("a,b",c,"d""e,f")", 0, 9, {})->names,
            (std::vector<std::string>{"a,b", "c", "d\"e,f"}));
}

/// As many as the rows that follow are read with, whatever is in quotes.
TEST(csv_columns, a_first_row_without_names_has_as_many_columns_as_it_has_values) {
  const std::pair<std::string_view, size_t> rows[] = {{R"(1,"say ""hi, you""",3)", 3},
                                                      {R"("""",",""",x)", 3},
                                                      {R"("a""")", 1},
                                                      {R"("""a,b")", 1},
                                                      {R"(,,)", 3},
                                                      {R"("",",","")", 3},
                                                      {R"("a""b""c,d""",e)", 2},
                                                      {R"(5" tall,"6,7")", 2}};
  for (const auto& [row, columns] : rows) {
    const auto header = number_csv_columns(row, 0, 9, {});
    ASSERT_TRUE(header) << row << ": " << header.error().text;
    EXPECT_EQ(header->names.size(), columns) << row;
    std::string out;
    const auto failure = csv_to_json(row, *header, out);
    if (row.find("tall") == row.npos) {
      EXPECT_FALSE(failure) << row << ": " << failure->detail;
    }
  }
}
