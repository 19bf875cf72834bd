package org.turboesm.job.source;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.List;
import org.apache.hadoop.conf.Configuration;
import org.assertj.core.api.AbstractStringAssert;
import org.assertj.core.api.AbstractThrowableAssert;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;
import org.turboesm.TurboEsmException;

class InputFilesTest {
  @TempDir Path folder;

  @ParameterizedTest
  @ValueSource(
      strings = {
        "a.fasta",
        "a.fa",
        "a.faa",
        "a.fasta.gz",
        "a.fa.bz2",
        "a.faa.zst",
        "a[1] {b}.fasta"
      })
  void aFastaFileIsNamed(String name) throws IOException {
    write(name, "12345");
    InputFile file = resolve(name).get(0);
    assertThat(file.path()).isEqualTo("file:" + folder.resolve(name));
    assertThat(file.format()).isEqualTo(InputFormat.FASTA);
    assertThat(file.size()).isEqualTo(5);
    assertThat(file.modificationTime())
        .isEqualTo(Files.getLastModifiedTime(folder.resolve(name)).toMillis());
  }

  @Test
  void aFolderStandsForItsUsableFilesAndFolders() throws IOException {
    write("in/b.fasta.gz", "");
    write("in/README.md", "");
    write("in/deep/er/a.parquet", "");
    write("in/part.parquet/part-0.zstd.parquet", "");
    write("in/part.parquet/_SUCCESS", "");
    write("in/part.parquet/.part-0.crc", "");
    write("in/_temporary/c.fasta", "");
    write("in/_d.fasta", "");
    assertThat(names(resolve("in")))
        .containsExactly("b.fasta.gz", "deep/er/a.parquet", "part.parquet/part-0.zstd.parquet");
    assertThat(resolve("in"))
        .extracting(InputFile::format)
        .containsExactly(InputFormat.FASTA, InputFormat.PARQUET, InputFormat.PARQUET);
  }

  @Test
  void aGlobStandsForItsMatches() throws IOException {
    write("in/a1.fasta", "");
    write("in/a2.fasta", "");
    write("in/a3.txt", "");
    write("in/b.fasta", "");
    write("in/a4/c.fa", "");
    write("in/_a5/d.fa", "");
    assertThat(names(resolve("in/a*"))).containsExactly("a1.fasta", "a2.fasta", "a4/c.fa");
    assertThat(names(resolve("in/*")))
        .containsExactly("a1.fasta", "a2.fasta", "a4/c.fa", "b.fasta");
    assertThat(names(resolve("in/{b,a1}.fasta"))).containsExactly("a1.fasta", "b.fasta");
  }

  @Test
  void aFileReachedSeveralTimesCountsOnce() throws IOException {
    write("in/a.fasta", "");
    assertThat(names(resolve("in", "in/a.fasta", "in/../in/./a.fasta", "in/*")))
        .containsExactly("a.fasta");
  }

  @Test
  void aMissingPathIsNamed() {
    assertError("nowhere/a.fasta").contains("no such file or folder", "Expected", ".faa", "Check");
  }

  @Test
  void aGlobWithoutAMatchIsNamed() {
    assertError("*.fasta").contains("nothing matches the glob", ".fasta");
  }

  @Test
  void aGlobWithoutAUsableMatchIsNamed() throws IOException {
    write("a.txt", "");
    assertError("*.txt").contains("nothing that the glob matches can be read", ".fasta");
  }

  @Test
  void aFolderWithoutAUsableFileIsNamed() throws IOException {
    write("in/a.txt", "");
    assertError("in").contains("holds no file that can be read", ".fasta", ".parquet");
  }

  @ParameterizedTest
  @ValueSource(strings = {"a.fna", "a.fasta.xz", "a.txt", "fasta", "a.parquet.gz", "a.FASTA"})
  void aNamedFileOfUnknownExtensionIsAnError(String name) throws IOException {
    write(name, "");
    assertError(name).contains("unknown kind of file", ".bz2", "Rename or convert");
  }

  @ParameterizedTest
  @ValueSource(strings = {"_a.fasta", ".a.fasta"})
  void aNamedHiddenFileIsAnError(String name) throws IOException {
    write(name, "");
    assertError(name).contains("begins with '_' or '.'", "Rename");
  }

  @Test
  void anUnknownFileSystemIsAnError() {
    assertThatThrownBy(() -> InputFiles.resolve(new Configuration(), List.of("nofs://a/b.fasta")))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContainingAll("--input nofs://a/b.fasta", "cannot be read", "nofs", "Check");
  }

  @ParameterizedTest
  @ValueSource(strings = {"", "a:b.fasta"})
  void whatIsNoPathIsAnError(String input) {
    assertThatThrownBy(() -> InputFiles.resolve(new Configuration(), List.of(input)))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContainingAll("--input " + input, "cannot be read");
  }

  @Test
  void noInputIsAnError() {
    assertThatThrownBy(() -> InputFiles.resolve(new Configuration(), List.of()))
        .isInstanceOf(TurboEsmException.class)
        .hasMessageContaining("--input");
  }

  private AbstractStringAssert<?> assertError(String input) {
    AbstractThrowableAssert<?, ? extends Throwable> thrown =
        assertThatThrownBy(() -> resolve(input)).isInstanceOf(TurboEsmException.class);
    return thrown.message().startsWith("--input " + folder.resolve(input) + ": ");
  }

  private List<InputFile> resolve(String... inputs) {
    return InputFiles.resolve(
        new Configuration(), Arrays.stream(inputs).map(input -> folder + "/" + input).toList());
  }

  private List<String> names(List<InputFile> files) {
    return files.stream()
        .map(file -> file.path().substring(("file:" + folder.resolve("in") + "/").length()))
        .toList();
  }

  private void write(String name, String text) throws IOException {
    Path file = folder.resolve(name);
    Files.createDirectories(file.getParent());
    Files.writeString(file, text);
  }
}
