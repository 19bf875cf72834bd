package org.turboesm.job.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.NoSuchElementException;
import org.apache.spark.sql.Row;
import org.apache.spark.sql.RowFactory;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class FastaIteratorTest {
  private static final int BLOCK = 1;
  private static final int ORDINAL = 2;
  private static final int ID = 3;
  private static final int DESCRIPTION = 4;
  private static final int SEQUENCE = 5;
  private static final int SHA256 = 6;
  private static final int CODE = 9;
  private static final int DETAIL = 10;

  @Test
  void aRecordIsItsHeaderAndItsLines() {
    Row record = only(">sp|P1|X  the > first one \r\nAC\r\nDE\r\n");
    assertThat(record.getString(ID)).isEqualTo("sp|P1|X");
    assertThat(record.getString(DESCRIPTION)).isEqualTo("the > first one");
    assertThat(record.getString(SEQUENCE)).isEqualTo("ACDE");
    // printf ACDE | sha256sum
    assertThat(record.getString(SHA256))
        .isEqualTo("f50b9a1db8767fb7cdc8b89cf1a78c9fac1e0e2d5bb5367aeec14709396d5c5e");
    assertThat(record.isNullAt(CODE)).isTrue();
  }

  @ParameterizedTest
  @ValueSource(strings = {">a\nAC", ">a\nAC\n\n", "> a\nA C", "\uFEFF>a\nAC\n", ">a\t\r\nac\r\n"})
  void spacesBlankLinesAndTheByteOrderMarkDoNotMatter(String text) {
    Row record = only(text);
    assertThat(record.getString(ID)).isEqualTo("a");
    assertThat(record.getString(DESCRIPTION)).isEmpty();
    assertThat(record.getString(SEQUENCE)).isEqualTo("AC");
  }

  @Test
  void blankLinesBeforeTheFirstHeaderAreNoRecord() {
    List<Row> records = parse(row("f", 0, " \r\n\r"), row("f", 0, "a\nAC"));
    assertThat(records).hasSize(1);
    assertThat(records.get(0).getLong(ORDINAL)).isEqualTo(1);
  }

  @Test
  void textBeforeTheFirstHeaderIsOneReject() {
    Row reject = only(";comment\n" + "x".repeat(100));
    assertThat(reject.getString(CODE)).isEqualTo("NO_HEADER");
    assertThat(reject.isNullAt(ID)).isTrue();
    assertThat(reject.getString(DETAIL))
        .isEqualTo(
            "the text before the first header begins with ';comment\n" + "x".repeat(51) + "'");
  }

  @ParameterizedTest
  @ValueSource(strings = {">", ">\nACD", ">  \r\nACD\r\n"})
  void aHeaderWithoutAnIdIsRejected(String text) {
    Row reject = only(text);
    assertThat(reject.getString(CODE)).isEqualTo("EMPTY_ID");
    assertThat(reject.isNullAt(ID)).isTrue();
  }

  @Test
  void aRecordWithoutResiduesIsRejected() {
    assertThat(only(">a b c").getString(CODE)).isEqualTo("EMPTY_RECORD");
    assertThat(only(">a\n\n").getString(ID)).isEqualTo("a");
  }

  @Test
  void anIdOf1024CharactersIsTheLongest() {
    assertThat(only(">" + "i".repeat(1024) + " d\nA").isNullAt(CODE)).isTrue();
    Row reject = only(">" + "i".repeat(1025) + " d\nA");
    assertThat(reject.getString(CODE)).isEqualTo("ID_TOO_LONG");
    assertThat(reject.getString(ID)).isEqualTo("i".repeat(1024));
    assertThat(reject.getString(DETAIL)).contains("1025");
  }

  @Test
  void ordinalsBeginAnewWithEachBlockAndFile() {
    List<Row> records =
        parse(
            row("f", 0, ">a\nA"),
            row("f", 0, "b\nA"),
            row("f", 100, "c\nA"),
            row("f", 100, "d\nA"),
            row("g%20h", 0, ">e\nA"),
            row("g%20h", 0, "f\nA"));
    assertThat(records)
        .extracting(r -> r.getString(0) + r.getLong(BLOCK) + r.getLong(ORDINAL) + r.getString(ID))
        .containsExactly("f00a", "f01b", "f1000c", "f1001d", "g h00e", "g h01f");
  }

  @Test
  void theFirstRowOfALaterBlockIsARecordWithoutItsSign() {
    assertThat(parse(row("f", 100, "a\nAC")).get(0).getString(ID)).isEqualTo("a");
  }

  @Test
  void theEndIsTheEnd() {
    FastaIterator none = new FastaIterator(List.<Row>of().iterator());
    assertThatThrownBy(none::next).isInstanceOf(NoSuchElementException.class);
  }

  private static Row only(String text) {
    List<Row> records = parse(row("f", 0, text));
    assertThat(records).hasSize(1);
    return records.get(0);
  }

  private static Row row(String file, long block, String text) {
    return RowFactory.create(text, file, block);
  }

  private static List<Row> parse(Row... rows) {
    List<Row> records = new ArrayList<>();
    new FastaIterator(Arrays.asList(rows).iterator()).forEachRemaining(records::add);
    return records;
  }
}
