package org.turboesm.cuda;

import static org.assertj.core.api.Assertions.assertThat;

import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Arrays;
import java.util.LinkedHashSet;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.Set;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.turboesm.ChildJvm;

class CubinCacheTest {
  private static final CompiledKernels KERNELS =
      new CompiledKernels(
          new byte[] {0x7F, 'E', 'L', 'F', 0, -1},
          List.of(
              new KernelSignature("first", List.of("u64", "f32")),
              new KernelSignature("second", List.of())));

  private static final KernelSource SOURCE =
      new KernelSource("a.cu", "kernel", Map.of("b.cuh", "header"));
  private static final List<String> OPTIONS = List.of("--gpu-architecture=sm_90", "-DN=1");

  @TempDir Path folder;

  @Test
  void secondCacheFindsWhatTheFirstHasKept() {
    Path deep = folder.resolve("new/folders");
    new CubinCache(Optional.of(deep)).keep("key", KERNELS);

    assertFound(new CubinCache(Optional.of(deep)).find("key"));
  }

  private static void assertFound(Optional<CompiledKernels> found) {
    assertThat(found)
        .hasValueSatisfying(
            kernels -> {
              assertThat(kernels.cubin()).isEqualTo(KERNELS.cubin());
              assertThat(kernels.signatures()).isEqualTo(KERNELS.signatures());
            });
  }

  @Test
  void otherKeyIsNotFound() {
    CubinCache cache = new CubinCache(Optional.of(folder));
    cache.keep("key", KERNELS);

    assertThat(cache.find("other")).isEmpty();
  }

  @Test
  void whatIsKeptTwiceIsTheLast() {
    CubinCache cache = new CubinCache(Optional.of(folder));
    cache.keep("key", new CompiledKernels(new byte[] {1}, List.of()));
    cache.keep("key", KERNELS);

    assertFound(cache.find("key"));
  }

  @Test
  void onlyWholeFilesAreLeft() throws IOException {
    new CubinCache(Optional.of(folder)).keep("key", KERNELS);

    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).containsExactly(folder.resolve("key.cubin"));
    }
  }

  /** Each byte in turn flipped, and each shorter file. */
  @Test
  void damagedFileIsNotFoundAndIsReplaced() throws IOException {
    CubinCache cache = new CubinCache(Optional.of(folder));
    cache.keep("key", KERNELS);
    Path file = folder.resolve("key.cubin");
    byte[] whole = Files.readAllBytes(file);
    for (int i = 0; i < whole.length; i++) {
      byte[] flipped = whole.clone();
      flipped[i] ^= 1;
      for (byte[] damaged : List.of(flipped, Arrays.copyOf(whole, i))) {
        Files.write(file, damaged);
        assertThat(cache.find("key")).as("byte %d", i).isEmpty();
      }
    }
    cache.keep("key", KERNELS);
    assertFound(cache.find("key"));
  }

  /** A folder cannot be made where a file is: true for every user, root too. */
  @Test
  void folderThatCannotBeWrittenIsNoError() throws IOException {
    Path file = Files.writeString(folder.resolve("file"), "no folder");
    CubinCache cache = new CubinCache(Optional.of(file.resolve("cubins")));
    cache.keep("key", KERNELS);

    assertThat(cache.find("key")).isEmpty();
    assertThat(file).hasContent("no folder");
  }

  @Test
  void withoutFolderNothingIsKept() throws IOException {
    CubinCache cache = new CubinCache(Optional.empty());
    cache.keep("key", KERNELS);

    assertThat(cache.find("key")).isEmpty();
    try (Stream<Path> files = Files.list(folder)) {
      assertThat(files).isEmpty();
    }
  }

  @Test
  void settingSaysWhereOrThatThereIsNoCache() throws Exception {
    Path user = Files.createDirectory(folder.resolve("user"));
    Path set = folder.resolve("set");
    keepOne(Map.of(CubinCache.SETTING, set.toString(), "XDG_CACHE_HOME", user.toString()));
    assertThat(set.resolve("key.cubin")).exists();

    keepOne(Map.of(CubinCache.SETTING, "", "XDG_CACHE_HOME", user.toString()));
    assertThat(user).isEmptyDirectory();
  }

  private static void keepOne(Map<String, String> environment) throws Exception {
    assertThat(ChildJvm.run(KeepOne.class, List.of(), environment).output()).contains("kept");
  }

  /** Keeps some kernels in the user's cache. */
  static final class KeepOne {
    public static void main(String[] arguments) {
      CubinCache.ofThisUser().keep("key", KERNELS);
      System.out.println("kept");
    }
  }

  @Test
  void keyChangesWithEachPart() {
    Set<String> keys = new LinkedHashSet<>();
    keys.add(CubinCache.key(SOURCE, OPTIONS, "12.6"));
    keys.add(CubinCache.key(SOURCE, OPTIONS, "12.9"));
    keys.add(CubinCache.key(SOURCE, List.of("--gpu-architecture=sm_80", "-DN=1"), "12.6"));
    keys.add(CubinCache.key(SOURCE, List.of("--gpu-architecture=sm_90", "-DN=11"), "12.6"));
    keys.add(CubinCache.key(SOURCE, OPTIONS.subList(0, 1), "12.6"));
    keys.add(CubinCache.key(source("c.cu", "kernel", "b.cuh", "header"), OPTIONS, "12.6"));
    keys.add(CubinCache.key(source("a.cu", "kernels", "b.cuh", "header"), OPTIONS, "12.6"));
    keys.add(CubinCache.key(source("a.cu", "kernel", "d.cuh", "header"), OPTIONS, "12.6"));
    keys.add(CubinCache.key(source("a.cu", "kernel", "b.cuh", "headers"), OPTIONS, "12.6"));
    keys.add(CubinCache.key(new KernelSource("a.cu", "kernel", Map.of()), OPTIONS, "12.6"));

    assertThat(keys).hasSize(10).allMatch(key -> key.matches("[0-9a-f]{64}"));
    assertThat(CubinCache.key(SOURCE, OPTIONS, "12.6")).isEqualTo(keys.iterator().next());
  }

  /** What ends one part must not begin the next. */
  @Test
  void partsDoNotRunIntoEachOther() {
    assertThat(CubinCache.key(source("a.cu", "kernel", "b.cuh", "header"), OPTIONS, "12.6"))
        .isNotEqualTo(CubinCache.key(source("a.cu", "kernelb", ".cuh", "header"), OPTIONS, "12.6"));
  }

  private static KernelSource source(String file, String text, String header, String headerText) {
    return new KernelSource(file, text, Map.of(header, headerText));
  }
}
