package org.turboesm.job.source;

import static org.assertj.core.api.Assertions.assertThat;

import org.apache.parquet.schema.MessageTypeParser;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ParquetColumnsTest {
  @ParameterizedTest
  @ValueSource(
      strings = {
        "optional binary id (STRING); optional binary sequence (STRING);",
        "required binary sequence (STRING); required int32 n; required binary id (STRING);",
        "optional binary id (STRING); optional binary sequence (STRING);"
            + " optional binary description (STRING);",
      })
  void proteinsHaveAnIdAndASequence(String columns) {
    assertThat(problem(columns)).isNull();
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "required binary id (STRING);",
        "optional binary sequence (STRING);",
        "optional binary ID (STRING); optional binary sequence (STRING);",
        "required int64 id; optional binary sequence (STRING);",
        "required binary id (STRING); optional binary sequence;",
        "required binary id (STRING); repeated binary sequence (STRING);",
        "required binary id (STRING); required group sequence { required binary s (STRING); }",
        "optional binary id (STRING); optional binary sequence (STRING); optional int32"
            + " description;",
      })
  void otherColumnsAreNamed(String columns) {
    assertThat(problem(columns))
        .startsWith("file:/p.parquet: not the columns of proteins. Found: ")
        .contains("id (string), sequence (string)", "then run again");
    assertThat(problem("required int64 key; required double x;"))
        .contains("Found: required int64 key, required double x; expected:");
  }

  private static String problem(String columns) {
    return ParquetColumns.problem(
        "file:/p.parquet", MessageTypeParser.parseMessageType("message m { " + columns + " }"));
  }
}
