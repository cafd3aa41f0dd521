class Solution:
    def double(self, numbers: List[int]) -> Optional[List[int]]:
        return [2 * n for n in numbers]
