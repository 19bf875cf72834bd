package org.turboesm.launcher;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.BeforeEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

/**
 * When {@code bin/test} runs suite newest, and on what. Maven is a program that says which Java it
 * runs on, notes its arguments, and leaves the report of one passed test where newest is not
 * skipped.
 */
class NewestSuiteTest {
  @TempDir Path folder;

  private JavaHomes homes;
  private Path programs;

  @BeforeEach
  void prepare() throws IOException {
    homes = new JavaHomes(folder.resolve("java homes"));
    programs =
        Launch.programs(
            folder.resolve("programs"),
            List.of(
                "awk", "dirname", "find", "grep", "mkdir", "readlink", "rm", "sed", "sort", "tee"));
    Files.createDirectories(folder.resolve("repository/bin"));
    for (String script : List.of("test", "jdks.sh")) {
      Files.copy(Launch.BIN.resolve(script), folder.resolve("repository/bin").resolve(script));
    }
  }

  private Launch test(int javaOfMaven, int javaOfReport) throws IOException, InterruptedException {
    Launch.writeProgram(
        programs.resolve("mvn"),
        """
        case " $* " in
          *" -v "*) echo 'Java version: %d.0.1, vendor: A vendor, runtime: /somewhere'; exit ;;
        esac
        printf '%%s\\n' "$@" >'%s'
        [[ " $* " == *" -Dsuite.newest.skip=false "* ]] || exit 0
        mkdir -p tests/target/surefire-reports/newest
        report() { printf '%%s\\n' '<testsuite name="ATest">' '<properties>' \\
          '<property name="java.specification.version" value="%d"/>' '</properties>' \\
          '<testcase name="passes" classname="ATest"/>' '</testsuite>'; }
        report >tests/target/surefire-reports/newest/TEST-ATest.xml
        """
            .formatted(javaOfMaven, folder.resolve("arguments"), javaOfReport));
    Map<String, String> environment =
        Map.of("PATH", programs.toString(), "TURBOESM_JDK_PATHS", homes.glob());
    return Launch.run(folder.resolve("repository/bin/test"), environment, folder, "newest");
  }

  private List<String> mavenArguments() throws IOException {
    return Files.readAllLines(folder.resolve("arguments"));
  }

  @Test
  void runsOnANewerJavaThanMavens() throws Exception {
    homes.add("17", "17.0.15");
    Path newest = homes.add("25", "25.0.1");
    Launch launch = test(17, 25);
    assertThat(launch.out()).contains("newest: 1 passed, 0 failed, 0 skipped");
    assertThat(launch.code()).as(launch.err()).isZero();
    assertThat(mavenArguments())
        .contains(
            "-Dnewest.java=" + newest + "/bin/java",
            "-Dsuite.newest.skip=false",
            "-Dsuite.unit.skip=true");
  }

  @Test
  void isCountedAsSkippedWhereNoneIsNewer() throws Exception {
    homes.add("21", "21.0.8");
    homes.add("26", "26.0.1");
    Launch launch = test(21, 21);
    assertThat(launch.out())
        .contains("newest: 0 passed, 0 failed, 1 skipped")
        .contains("Maven runs on Java 21, and no newer one of 25 21 17 is on the PATH or in")
        .endsWith("0 passed, 0 failed, 1 skipped\n");
    assertThat(launch.code()).as(launch.err()).isZero();
    assertThat(mavenArguments()).contains("-Dsuite.newest.skip=true");
  }

  @Test
  void failsWhereItsTestsRanOnAnotherJava() throws Exception {
    homes.add("25", "25.0.1");
    Launch launch = test(17, 17);
    assertThat(launch.out()).contains("TEST-ATest.xml is not of Java 25");
    assertThat(launch.code()).isEqualTo(1);
  }
}
