package org.turboesm.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;
import java.util.Map;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.turboesm.ChildJvm;

class NativeLibrariesTest {
  @TempDir Path folder;

  @Test
  void absentLibrarySaysWhereItWasLookedForAndWhatToDo() {
    assertThat(NativeLibraries.load("libabsent.so.1", "it comes with nothing"))
        .hasValueSatisfying(
            reason ->
                assertThat(reason)
                    .startsWith("libabsent.so.1 is in none of ")
                    .endsWith(
                        "; it comes with nothing, and name its folder in TURBOESM_CUDA_LIBRARIES"
                            + " or LD_LIBRARY_PATH"));
  }

  @Test
  void ownSettingIsLookedIntoFirstThenTheLoadersThenTheToolkit() throws Exception {
    Path own = Files.createDirectory(folder.resolve("own"));
    Path second = Files.createDirectory(folder.resolve("second"));
    Path loader = Files.createDirectory(folder.resolve("loader"));
    Path toolkit = Files.createDirectories(folder.resolve("toolkit/lib64"));
    String printed =
        ChildJvm.run(
                Load.class,
                List.of(),
                Map.of(
                    "TURBOESM_CUDA_LIBRARIES", own + ":" + folder.resolve("absent") + "::" + second,
                    "LD_LIBRARY_PATH", loader.toString(),
                    "CUDA_HOME", folder.resolve("toolkit").toString()))
            .output();

    assertThat(printed)
        .contains(String.format("none of %s, %s, %s, %s", own, second, loader, toolkit));
  }

  @Test
  void fileThatIsNoLibraryIsNamedWithTheLoadersReason() throws Exception {
    Path file = Files.writeString(folder.resolve("libabsent.so.1"), "not a library");

    assertThat(
            ChildJvm.run(
                    Load.class, List.of(), Map.of("TURBOESM_CUDA_LIBRARIES", folder.toString()))
                .output())
        .contains(file + " cannot be loaded: ")
        .contains("file too short");
  }

  /** Prints why a library of that name cannot be loaded. */
  static final class Load {
    public static void main(String[] arguments) throws IOException {
      System.out.println(NativeLibraries.load("libabsent.so.1", "a hint").orElse("loaded"));
    }
  }
}
