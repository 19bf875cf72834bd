package org.turboesm.job.source;

import static org.assertj.core.api.Assertions.assertThatCode;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.ByteArrayOutputStream;
import java.io.IOException;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import org.apache.commons.compress.compressors.bzip2.BZip2CompressorOutputStream;
import org.apache.hadoop.conf.Configuration;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.turboesm.TurboEsmException;

class Bzip2EndsTest {
  @TempDir Path folder;

  /** Of many lengths, so that the last byte is filled with every number of bits. */
  @Test
  void wholeFilesPass() throws IOException {
    for (int length = 0; length < 64; length++) {
      byte[] whole = bzip2("A".repeat(length) + "CDEFGHIK".substring(0, length % 8));
      assertThatCode(() -> check(whole)).as("length %d", length).doesNotThrowAnyException();
    }
  }

  @Test
  void anEmptyFileIsNoBrokenOne() {
    assertThatCode(() -> check(new byte[0])).doesNotThrowAnyException();
  }

  @Test
  void aFileCutOffAnywhereIsAnError() throws IOException {
    byte[] whole = bzip2("ACDEFGHIKLMNPQRSTVWY".repeat(10));
    for (int length = 1; length < whole.length; length++) {
      byte[] cut = Arrays.copyOf(whole, length);
      assertThatThrownBy(() -> check(cut))
          .as("cut to %d of %d", length, whole.length)
          .isInstanceOf(TurboEsmException.class)
          .hasMessageContainingAll("a.fasta.bz2: truncated or corrupt bzip2 (", "bzip2 -t");
    }
  }

  @Test
  void plainTextIsAnError() {
    assertThatThrownBy(() -> check(">a\nACDEFGHIKLMNPQ\n".getBytes(StandardCharsets.US_ASCII)))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("(it does not begin with BZh)");
  }

  private void check(byte[] content) throws IOException {
    Path path = folder.resolve("a.fasta.bz2");
    Files.write(path, content);
    Bzip2Ends.check(
        new InputFile(path.toString(), InputFormat.FASTA, content.length, 0), new Configuration());
  }

  private static byte[] bzip2(String text) throws IOException {
    ByteArrayOutputStream bytes = new ByteArrayOutputStream();
    try (BZip2CompressorOutputStream stream = new BZip2CompressorOutputStream(bytes)) {
      stream.write(text.getBytes(StandardCharsets.US_ASCII));
    }
    return bytes.toByteArray();
  }
}
