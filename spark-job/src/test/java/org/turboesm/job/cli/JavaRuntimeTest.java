package org.turboesm.job.cli;

import static org.assertj.core.api.Assertions.assertThat;

import java.nio.file.Files;
import java.nio.file.Path;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class JavaRuntimeTest {

  private static String describe(int feature) {
    return new JavaRuntime(feature, feature + ".0.3", "OpenJDK 64-Bit Server VM", "/java/home")
        .describe();
  }

  @ParameterizedTest
  @ValueSource(ints = {17, 21})
  void anOlderOneIsToldOfTheNewest(int feature) {
    assertThat(describe(feature))
        .startsWith(feature + ".0.3, OpenJDK 64-Bit Server VM, /java/home; supported")
        .contains("Java 25 tends to be faster", "JAVA_HOME");
  }

  @Test
  void theNewestIsToldOfNone() {
    assertThat(describe(25))
        .isEqualTo("25.0.3, OpenJDK 64-Bit Server VM, /java/home; the newest that is supported");
  }

  @ParameterizedTest
  @ValueSource(ints = {11, 18, 26})
  void othersAreNotSupported(int feature) {
    assertThat(describe(feature)).contains("not supported", "17, 21 or 25");
  }

  @Test
  void theCurrentOneIsTheOneThatRunsThisTest() {
    JavaRuntime current = JavaRuntime.current();
    assertThat(current.version()).startsWith(Integer.toString(current.feature()));
    assertThat(Files.isExecutable(Path.of(current.home(), "bin", "java"))).isTrue();
  }
}
