package org.turboesm.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/** Which Java {@code bin/turboesm} runs, of installations that have nothing but a version. */
class JavaChoiceTest {
  @TempDir Path folder;

  private JavaHomes homes;
  private Path programs;
  private Map<String, String> environment;

  @BeforeEach
  void prepare() throws IOException {
    homes = new JavaHomes(folder.resolve("java homes"));
    programs = Launch.programs(folder.resolve("programs"), List.of("dirname", "readlink", "sed"));
    Path spark = folder.resolve("spark");
    Launch.writeProgram(spark.resolve("bin/spark-submit"), "echo \"submitted with $JAVA_HOME\"\n");
    Files.createDirectories(spark.resolve("jars"));
    Files.createFile(spark.resolve("jars/spark-core_2.13-4.2.0.jar"));
    environment =
        new HashMap<>(
            Map.of(
                "PATH", programs.toString(),
                "SPARK_HOME", spark.toString(),
                "TURBOESM_JAR", Files.createFile(folder.resolve("turboesm.jar")).toString(),
                "TURBOESM_JDK_PATHS", homes.glob()));
  }

  private Launch launch(String... arguments) throws IOException, InterruptedException {
    return Launch.run(Launch.BIN.resolve("turboesm"), environment, folder, arguments);
  }

  private void putOnPath(Path home) throws IOException {
    Files.createSymbolicLink(programs.resolve("java"), home.resolve("bin/java"));
  }

  private void assertRuns(String name) throws IOException, InterruptedException {
    Launch launch = launch("doctor");
    assertThat(launch.err()).isEmpty();
    assertThat(launch.code()).isZero();
    assertThat(launch.out()).isEqualTo("run by " + name + "\n");
  }

  @Test
  void theNewestSupportedOneRuns() throws Exception {
    homes.add("a-21", "21.0.8");
    homes.add("b-25", "25.0.1");
    homes.add("c-17", "17.0.15");
    homes.add("d-26", "26");
    homes.add("e-11", "11.0.2");
    homes.add("f-8", "1.8.0_402");
    assertRuns("b-25");
    // Once to see that it starts, once to run: release files tell of the others.
    assertThat(homes.starts()).isEqualTo(2);
  }

  @Test
  void aNewerOneThanThatOnThePathRuns() throws Exception {
    putOnPath(homes.add("17", "17.0.15"));
    homes.add("21", "21");
    assertRuns("21");
  }

  @Test
  void theOneOnThePathRunsWhereNoneIsNewer() throws Exception {
    homes.add("a-25", "25.0.1");
    putOnPath(homes.add("b-25", "25.0.1"));
    assertRuns("b-25");
  }

  @Test
  void javaHomeWins() throws Exception {
    homes.add("25", "25.0.1");
    environment.put("JAVA_HOME", homes.add("17", "17.0.15").toString());
    assertRuns("17");
  }

  @Test
  void javaHomeIsNotReplacedWhereItIsUnsupported() throws Exception {
    homes.add("25", "25.0.1");
    environment.put("JAVA_HOME", homes.add("26", "26").toString());
    Launch launch = launch("doctor");
    assertThat(launch.code()).isEqualTo(1);
    assertThat(launch.err()).contains("is Java 26. Spark 4.2 needs Java 17, 21 or 25");
  }

  @Test
  void oneWithoutAReleaseFileIsAsked() throws Exception {
    homes.add("17", "17.0.15");
    homes.addWithoutRelease("25", "25");
    assertRuns("25");
  }

  @Test
  void aLauncherOnThePathLeadsToItsHome() throws Exception {
    Path home = homes.add("21", "21.0.8");
    Launch.writeProgram(programs.resolve("java"), "exec '" + home + "/bin/java' \"$@\"\n");
    environment.put("TURBOESM_JDK_PATHS", "");
    assertRuns("21");
  }

  @Test
  void oneThatDoesNotStartIsPassedOverAloud() throws Exception {
    Path broken = homes.addBroken("25", "25.0.1");
    homes.add("21", "21.0.8");
    Launch launch = launch("doctor");
    assertThat(launch.out()).isEqualTo("run by 21\n");
    assertThat(launch.err()).contains(broken + " is passed over");
  }

  @Test
  void severalPlacesAreSearched() throws Exception {
    JavaHomes more = new JavaHomes(folder.resolve("more"));
    Path home = more.add("25", "25.0.1");
    homes.add("21", "21.0.8");
    environment.put("TURBOESM_JDK_PATHS", folder + "/absent/*:" + home + ":" + homes.glob());
    assertRuns("25");
  }

  @Test
  void noneIsAnErrorThatNamesWhatWasFoundAndWhere() throws Exception {
    homes.add("11", "11.0.2");
    homes.add("26", "26.0.1");
    Launch launch = launch("doctor");
    assertThat(launch.code()).isEqualTo(1);
    assertThat(launch.out()).isEmpty();
    assertThat(launch.err())
        .hasLineCount(1)
        .startsWith("turboesm: no Java 17, 21 or 25 found")
        .contains(homes.glob(), "11 " + folder, "26 " + folder, "JAVA_HOME", "TURBOESM_JDK_PATHS");
  }

  @Test
  void sparkSubmitHasTheSameOne() throws Exception {
    homes.add("17", "17.0.15");
    Path newest = homes.add("25", "25.0.1");
    Launch launch = launch("run", "--input", "x.fasta", "--output", "out");
    assertThat(launch.err()).isEmpty();
    assertThat(launch.out()).isEqualTo("submitted with " + newest + "\n");
  }
}
