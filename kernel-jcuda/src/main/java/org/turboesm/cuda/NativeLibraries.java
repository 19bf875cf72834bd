package org.turboesm.cuda;

import java.nio.file.DirectoryStream;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Optional;
import java.util.Set;

/**
 * Finds the libraries that JCuda is linked to. JCuda names them by soname and leaves the search to
 * the system's loader, which looks neither into a toolkit's folder nor into Python's packages: a
 * library that is loaded here first, by its path, is the one that the loader then takes.
 */
final class NativeLibraries {
  /** A folder, or several with colons between, that is looked into before all others. */
  static final String SETTING = "TURBOESM_CUDA_LIBRARIES";

  private static final List<String> TOOLKIT_SETTINGS = List.of("CUDA_HOME", "CUDA_PATH");
  private static final List<String> SYSTEM_FOLDERS =
      List.of(
          "/usr/lib/x86_64-linux-gnu", "/usr/lib64", "/usr/local/nvidia/lib64", "/usr/lib/wsl/lib");

  private NativeLibraries() {}

  /**
   * Loads a library by its soname.
   *
   * @return why that failed and where it was looked for, or empty
   */
  static Optional<String> load(String soname, String packageHint) {
    List<Path> folders = folders();
    for (Path folder : folders) {
      Path file = folder.resolve(soname);
      if (Files.exists(file)) {
        try {
          System.load(file.toAbsolutePath().toString());
          return Optional.empty();
        } catch (UnsatisfiedLinkError e) {
          return Optional.of(file + " cannot be loaded: " + e.getMessage());
        }
      }
    }
    return Optional.of(
        soname
            + " is in none of "
            + String.join(", ", folders.stream().map(Path::toString).toList())
            + "; "
            + packageHint
            + ", and name its folder in "
            + SETTING
            + " or LD_LIBRARY_PATH");
  }

  /** Where libraries are looked for, first to last; those that do not exist left out. */
  private static List<Path> folders() {
    Set<String> names = new LinkedHashSet<>();
    addPath(System.getenv(SETTING), names);
    addPath(System.getenv("LD_LIBRARY_PATH"), names);
    for (String setting : TOOLKIT_SETTINGS) {
      String home = System.getenv(setting);
      if (home != null && !home.isEmpty()) {
        names.add(home + "/lib64");
      }
    }
    names.add("/usr/local/cuda/lib64");
    toolkits().forEach(names::add);
    names.addAll(SYSTEM_FOLDERS);
    return names.stream().map(Path::of).filter(Files::isDirectory).toList();
  }

  private static void addPath(String path, Set<String> names) {
    if (path == null) {
      return;
    }
    for (String name : path.split(":", -1)) {
      if (!name.isEmpty()) {
        names.add(name);
      }
    }
  }

  /** The library folders of toolkits installed side by side. */
  private static List<String> toolkits() {
    List<String> found = new ArrayList<>();
    try (DirectoryStream<Path> folders =
        Files.newDirectoryStream(Path.of("/usr/local"), "cuda-12*")) {
      folders.forEach(folder -> found.add(folder + "/lib64"));
    } catch (java.io.IOException | RuntimeException e) {
      return List.of();
    }
    found.sort(java.util.Comparator.reverseOrder());
    return found;
  }
}
