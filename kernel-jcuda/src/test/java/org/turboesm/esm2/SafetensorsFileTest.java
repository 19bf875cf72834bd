package org.turboesm.esm2;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.HexFormat;
import java.util.Map;
import java.util.function.Function;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.TurboEsmException;

class SafetensorsFileTest {
  private static final float[] SIX = {1, -2, 0.5f, 3, -0.25f, 8};

  @TempDir Path folder;
  private Path file;

  @BeforeEach
  void nameTheFile() {
    file = folder.resolve("model.safetensors");
  }

  @ParameterizedTest
  @ValueSource(strings = {"F32", "F16", "BF16"})
  void floatsOfEveryTypeReadAsTheyWereWritten(String type) {
    new SafetensorsWriter()
        .floats("other", type, new float[] {7}, 1)
        .floats("matrix", type, SIX, 2, 3)
        .write(file);

    assertThat(floats("matrix")).containsExactly(SIX);
  }

  @Test
  void integersReadAsTheyWereWritten() {
    int[] values = {1, -1, Integer.MAX_VALUE, Integer.MIN_VALUE};
    new SafetensorsWriter().ints("tokens", values, 4).write(file);

    int[] found = read(f -> f.ints("tokens"));
    assertThat(found).containsExactly(values);
  }

  @Test
  void tensorsAreListedByNameWithTypeAndShape() {
    new SafetensorsWriter()
        .metadata("format", "pt")
        .floats("b", "F16", SIX, 2, 3)
        .floats("a", "F32", SIX, 6)
        .write(file);

    Map<String, SafetensorsFile.Tensor> tensors = read(SafetensorsFile::tensors);
    assertThat(tensors.keySet()).containsExactly("a", "b");
    SafetensorsFile.Tensor b = tensors.get("b");
    assertThat(b.type()).isEqualTo("F16");
    assertThat(b.shape()).containsExactly(2, 3);
    assertThat(b.elements()).isEqualTo(6);
  }

  @Test
  void scalarHasOneElement() {
    new SafetensorsWriter().floats("scalar", "F32", new float[] {5}).write(file);

    assertThat(floats("scalar")).containsExactly(5f);
  }

  /** Files are read in pieces of 256 KiB. */
  @ParameterizedTest
  @ValueSource(strings = {"F32", "BF16"})
  void tensorOfSeveralPiecesIsWhole(String type) {
    float[] values = new float[(5 << 20) / 2 + 1];
    for (int i = 0; i < values.length; i++) {
      values[i] = i % 251;
    }
    new SafetensorsWriter().floats("large", type, values, values.length).write(file);

    assertThat(floats("large")).isEqualTo(values);
  }

  /** The same three values in each format: one, the largest finite one and the smallest. */
  @ParameterizedTest
  @CsvSource({"F32, 3f800000 7f7fffff 00000001", "F16, 3c00 7bff 0001", "BF16, 3f80 7f7f 0001"})
  void theLargestAndTheSmallestValuesAreFinite(String type, String hex) {
    new SafetensorsWriter().raw("extremes", type, littleEndian(hex), 3).write(file);

    assertThat(floats("extremes")).hasSize(3).contains(1f);
  }

  @ParameterizedTest
  @CsvSource({
    "F32, 7fc00000, NaN",
    "F32, 7f800001, NaN",
    "F32, ffffffff, NaN",
    "F32, 7f800000, Infinity",
    "F32, ff800000, -Infinity",
    "F16, 7e00, NaN",
    "F16, 7c01, NaN",
    "F16, 7c00, Infinity",
    "F16, fc00, -Infinity",
    "BF16, 7fc0, NaN",
    "BF16, ff81, NaN",
    "BF16, 7f80, Infinity",
    "BF16, ff80, -Infinity"
  })
  void aValueThatIsNotFiniteIsRefused(String type, String hex, String shown) {
    String zero = "0".repeat(hex.length());
    String six = String.join(" ", zero, zero, hex, zero, hex, zero);
    new SafetensorsWriter().raw("query.weight", type, littleEndian(six), 2, 3).write(file);

    assertThatThrownBy(() -> floats("query.weight"))
        .isInstanceOf(TurboEsmException.class)
        .hasMessage(
            file
                + ": tensor query.weight is damaged: 2 of its 6 values are NaN or infinite, the"
                + " first at index 2 ("
                + shown
                + "); download the checkpoint anew, or convert it anew from its original");
  }

  /** At the ends of a piece, at the start of the next, and in the last, which it has to itself. */
  @ParameterizedTest
  @ValueSource(ints = {0, (1 << 16) - 1, 1 << 16, (5 << 20) / 2})
  void oneValueThatIsNotFiniteIsFoundInAnyPiece(int index) {
    float[] values = new float[(5 << 20) / 2 + 1];
    values[index] = Float.NaN;
    new SafetensorsWriter().floats("large", "F32", values, values.length).write(file);

    assertThatThrownBy(() -> floats("large"))
        .hasMessageContaining("1 of its 2621441 values are")
        .hasMessageContaining("the first at index " + index + " (NaN)");
  }

  @Test
  void tensorWithoutElementsIsEmpty() {
    new SafetensorsWriter().floats("empty", "F32", new float[0], 0, 4).write(file);

    assertThat(floats("empty")).isEmpty();
  }

  @Test
  void missingFile() {
    assertRefused()
        .hasMessageStartingWith(file + ": cannot be read: ")
        .hasMessageContaining("NoSuchFile");
  }

  @ParameterizedTest
  @ValueSource(ints = {0, 7})
  void fileTooShortForItsHeadersLength(int bytes) throws IOException {
    Files.write(file, new byte[bytes]);

    assertRefused()
        .hasMessage(
            file + ": " + bytes + " bytes are too few for a safetensors file; it is truncated");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "version https://git-lfs.github.com/spec/v1\noid sha256:0\n",
        "<!doctype html><html>",
        "\0\0\0\0\0\0\0\0and more"
      })
  void notSafetensors(String content) throws IOException {
    Files.writeString(file, content);

    assertRefused().hasMessageStartingWith(file + ": not a safetensors file (its header would be ");
  }

  @Test
  void truncatedHeader() throws IOException {
    byte[] whole = new SafetensorsWriter().floats("a", "F32", SIX, 6).toBytes();
    int headerEnd = whole.length - 6 * 4;
    Files.write(file, Arrays.copyOf(whole, headerEnd - 1));

    assertRefused()
        .hasMessage(
            file
                + ": truncated in its header: "
                + headerEnd
                + " bytes expected, "
                + (headerEnd - 1)
                + " found; fetch the file again");
  }

  @Test
  void truncatedData() throws IOException {
    byte[] whole =
        new SafetensorsWriter()
            .floats("first", "F32", SIX, 6)
            .floats("last", "F32", SIX, 6)
            .toBytes();
    Files.write(file, Arrays.copyOf(whole, whole.length - 1));

    assertRefused()
        .hasMessage(
            file
                + ": truncated: tensor last ends at byte "
                + whole.length
                + ", the file at "
                + (whole.length - 1)
                + "; fetch the file again");
  }

  @ParameterizedTest
  @ValueSource(strings = {"{\"a\":", "[1, 2]", "3", "   "})
  void headerThatIsNoJsonObject(String header) throws IOException {
    Files.write(file, SafetensorsWriter.file(header, new byte[64]));

    assertRefused().hasMessage(file + ": the safetensors header is not a JSON object");
  }

  @ParameterizedTest
  @ValueSource(
      strings = {
        "{\"a\":{\"shape\":[1],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[\"0\",\"4\"]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[\"1\"],\"data_offsets\":[0,4]}}",
        "{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}",
        "{\"a\":3}"
      })
  void incompleteHeaderEntry(String header) throws IOException {
    Files.write(file, SafetensorsWriter.file(header, new byte[64]));

    assertRefused()
        .hasMessage(file + ": tensor a lacks dtype, shape or data_offsets in the header");
  }

  @ParameterizedTest
  @ValueSource(strings = {"F32", "I32"})
  void bytesThatDoNotMatchTheShape(String type) {
    new SafetensorsWriter().raw("a", type, new byte[20], 2, 3).write(file);

    assertRefused()
        .hasMessage(
            file
                + ": tensor a of type "
                + type
                + " and shape [2, 3] needs 24 bytes, the header gives it 20");
  }

  @Test
  void negativeLengthsInTheShape() {
    new SafetensorsWriter().raw("a", "F32", new byte[24], -2, -3).write(file);

    assertRefused().hasMessage(file + ": tensor a has the impossible shape [-2, -3]");
  }

  @Test
  void shapeOfMoreElementsThanCanBeCounted() {
    new SafetensorsWriter().raw("a", "F32", new byte[24], 1L << 40, 1L << 40).write(file);

    assertRefused()
        .hasMessage(file + ": tensor a has the impossible shape [1099511627776, 1099511627776]");
  }

  @Test
  void offsetsThatRunBackwards() {
    new SafetensorsWriter()
        .entry("a", "I64", 16, 8, 1)
        .raw("b", "I64", new byte[16], 2)
        .write(file);

    assertRefused().hasMessage(file + ": tensor a has the impossible data_offsets [16,8]");
  }

  @Test
  void offsetsBeforeTheData() {
    new SafetensorsWriter().entry("a", "F32", -4, 0, 1).write(file);

    assertRefused().hasMessage(file + ": tensor a has the impossible data_offsets [-4,0]");
  }

  @Test
  void offsetsBeyondAllFiles() {
    new SafetensorsWriter().entry("a", "F32", Long.MAX_VALUE - 4, Long.MAX_VALUE, 1).write(file);

    assertRefused()
        .hasMessageStartingWith(file + ": tensor a has the impossible data_offsets [92233720368");
  }

  @Test
  void tensorThatIsNotThere() {
    new SafetensorsWriter().floats("a", "F32", SIX, 6).write(file);

    assertThatThrownBy(() -> read(f -> f.floats("b")))
        .isInstanceOf(TurboEsmException.class)
        .hasMessage(file + ": tensor b is missing");
  }

  @Test
  void floatsOfAnIntegerTensor() {
    new SafetensorsWriter().ints("a", new int[] {1}, 1).write(file);

    assertThatThrownBy(() -> read(f -> f.floats("a")))
        .isInstanceOf(TurboEsmException.class)
        .hasMessage(file + ": tensor a is I32, expected F32, F16 or BF16");
  }

  @Test
  void integersOfAFloatTensor() {
    new SafetensorsWriter().floats("a", "F32", SIX, 6).write(file);

    assertThatThrownBy(() -> read(f -> f.ints("a")))
        .isInstanceOf(TurboEsmException.class)
        .hasMessage(file + ": tensor a is F32, expected I32");
  }

  /** Numbers of hex digits, the highest first, as bytes with the lowest first. */
  private static byte[] littleEndian(String hex) {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    for (String number : hex.split(" ")) {
      byte[] bigEndian = HexFormat.of().parseHex(number);
      for (int i = bigEndian.length - 1; i >= 0; i--) {
        bytes.write(bigEndian[i]);
      }
    }
    return bytes.toByteArray();
  }

  private float[] floats(String name) {
    return read(f -> f.floats(name));
  }

  private <T> T read(Function<SafetensorsFile, T> reader) {
    try (SafetensorsFile safetensors = SafetensorsFile.open(file)) {
      return reader.apply(safetensors);
    }
  }

  private AbstractThrowableAssert<?, ? extends Throwable> assertRefused() {
    return assertThatThrownBy(() -> SafetensorsFile.open(file))
        .isInstanceOf(TurboEsmException.class);
  }
}
